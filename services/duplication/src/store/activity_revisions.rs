//! The revision guard: an older or equal revision of an activity changes nothing.

use outbox::{StoreError, sql};
use sea_orm::ConnectionTrait;

use crate::domain::candidate::ActivityRevision;

/// Stores the revision if it is the newest of its activity so far; returns true if it is.
///
/// The athlete's row is locked, so a missing row stays missing until the insert.
pub(crate) async fn advance(
    conn: &impl ConnectionTrait,
    revision: &ActivityRevision,
) -> Result<bool, StoreError> {
    let (activity, number) = (revision.activity.to_string(), revision.revision);
    let raised = sql::execute(
        conn,
        "UPDATE activity_revision SET revision = ? WHERE activity = ? AND revision < ?",
        [number.into(), activity.as_str().into(), number.into()],
    );
    if raised.await? > 0 {
        return Ok(true);
    }
    let known = "SELECT 1 FROM activity_revision WHERE activity = ?";
    if sql::exists(conn, known, [activity.as_str().into()]).await? {
        return Ok(false);
    }
    sql::execute(
        conn,
        "INSERT INTO activity_revision (activity, athlete, revision) VALUES (?, ?, ?)",
        [activity.into(), revision.athlete.to_string().into(), number.into()],
    )
    .await?;
    Ok(true)
}

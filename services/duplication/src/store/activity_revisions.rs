//! The revision guard: an older or equal revision of an activity changes nothing.

use kernel::{ActivityId, AthleteId};
use outbox::{StoreError, sql};
use sea_orm::ConnectionTrait;

/// Stores the revision if it is the newest of its activity so far; returns true if it is.
///
/// The athlete's row is locked, so a missing row stays missing until the insert.
pub(crate) async fn advance(
    conn: &impl ConnectionTrait,
    athlete: AthleteId,
    activity: ActivityId,
    revision: i64,
) -> Result<bool, StoreError> {
    let raised = sql::execute(
        conn,
        "UPDATE seen_activity SET revision = ? WHERE activity = ? AND revision < ?",
        [revision.into(), activity.to_string().into(), revision.into()],
    )
    .await?;
    if raised > 0 {
        return Ok(true);
    }
    let known = "SELECT 1 FROM seen_activity WHERE activity = ?";
    if sql::one(conn, known, [activity.to_string().into()]).await?.is_some() {
        return Ok(false);
    }
    sql::execute(
        conn,
        "INSERT INTO seen_activity (activity, athlete, revision) VALUES (?, ?, ?)",
        [activity.to_string().into(), athlete.to_string().into(), revision.into()],
    )
    .await?;
    Ok(true)
}

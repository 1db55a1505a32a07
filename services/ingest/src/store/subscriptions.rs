//! Which push subscriptions are ours: several while one replaces another.

use kernel::{ApplicationId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::ConnectionTrait;

use super::row::get;

/// The ids that events may carry.
pub(crate) async fn all<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
) -> Result<Vec<i64>, StoreError> {
    let rows = sql::all(
        conn,
        "SELECT id FROM subscription WHERE application = ?",
        [application.get().into()],
    )
    .await?;
    rows.iter().map(|row| get(row, "id")).collect()
}

/// Takes this one in; older ones stay valid, for events may still be under way.
pub(crate) async fn add<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    id: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let added = sql::execute(
        conn,
        "INSERT INTO subscription (application, id, stored_at_us) VALUES (?, ?, ?)",
        [application.get().into(), id.into(), now.as_micros().into()],
    )
    .await;
    match added {
        Err(error) if !error.is_unique_violation() => Err(error),
        _ => Ok(()),
    }
}

/// Forgets all others that were stored before this.
pub(crate) async fn keep_only<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    id: i64,
    before: Timestamp,
) -> Result<(), StoreError> {
    sql::execute(
        conn,
        "DELETE FROM subscription WHERE application = ? AND id <> ? AND stored_at_us < ?",
        [application.get().into(), id.into(), before.as_micros().into()],
    )
    .await?;
    Ok(())
}

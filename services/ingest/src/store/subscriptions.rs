//! Push subscriptions of the application: several while one replaces another.

use kernel::{ApplicationId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::ConnectionTrait;

use super::row::get;

/// Lists the ids that events may carry.
pub(crate) async fn list_ids<C: ConnectionTrait>(
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

/// Inserts a subscription. Older ones stay valid: their last events may still arrive.
pub(crate) async fn insert<C: ConnectionTrait>(
    conn: &C,
    application: ApplicationId,
    id: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let inserted = sql::execute(
        conn,
        "INSERT INTO subscription (application, id, stored_at_us) VALUES (?, ?, ?)",
        [application.get().into(), id.into(), now.as_micros().into()],
    )
    .await;
    match inserted {
        Err(error) if !error.is_unique_violation() => Err(error),
        _ => Ok(()),
    }
}

/// Deletes all other subscriptions that were stored before this time.
pub(crate) async fn delete_others<C: ConnectionTrait>(
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

//! Push subscriptions of the application: several while one replaces another.

use kernel::{ApplicationId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::ConnectionTrait;

use super::Result;

/// Lists the ids that events may carry.
pub(crate) async fn list_ids(
    conn: &impl ConnectionTrait,
    application: ApplicationId,
) -> Result<Vec<i64>> {
    let select = "SELECT id FROM subscription WHERE application = ?";
    sql::fetch_scalars(conn, select, [application.get().into()]).await
}

/// Inserts a subscription, if it is not stored already. Older ones stay valid: their last events may still arrive.
pub(crate) async fn insert(
    conn: &impl ConnectionTrait,
    application: ApplicationId,
    id: i64,
    now: Timestamp,
) -> Result<()> {
    let insert = "INSERT INTO subscription (application, id, stored_at_us) VALUES (?, ?, ?)";
    let values = [application.get().into(), id.into(), now.as_micros().into()];
    match sql::execute(conn, insert, values).await {
        Err(StoreError::UniqueViolation) => Ok(()),
        inserted => inserted.map(drop),
    }
}

/// Deletes all other subscriptions that were stored before this time.
pub(crate) async fn delete_others(
    conn: &impl ConnectionTrait,
    application: ApplicationId,
    id: i64,
    before: Timestamp,
) -> Result<()> {
    let delete = "DELETE FROM subscription WHERE application = ? AND id <> ? AND stored_at_us < ?";
    let values = [application.get().into(), id.into(), before.as_micros().into()];
    sql::execute(conn, delete, values).await?;
    Ok(())
}

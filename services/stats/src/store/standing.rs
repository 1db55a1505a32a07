//! What the kit's tables tell beyond what the kit itself asks of them.

use contracts::Topic;
use outbox::{StoreError, sql};
use sea_orm::ConnectionTrait;

/// Locks the topic's row until the transaction ends; where there is none, no answer is waited for.
pub(crate) async fn lock(conn: &impl ConnectionTrait, topic: Topic) -> Result<(), StoreError> {
    sql::execute(conn, "UPDATE caught_up SET topic = topic WHERE topic = ?", [topic.name().into()])
        .await?;
    Ok(())
}

/// Whether there is an athlete of whom anything was ever counted.
pub(crate) async fn anybody_counted(conn: &impl ConnectionTrait) -> Result<bool, StoreError> {
    Ok(sql::one(conn, "SELECT 1 FROM athlete WHERE version > 0 LIMIT 1", []).await?.is_some())
}

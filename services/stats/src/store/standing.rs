//! Serializes the books about a replay's answers.

use contracts::Topic;
use outbox::{StoreError, sql};
use sea_orm::ConnectionTrait;

/// Locks the topic's row until the transaction ends; where there is none, no answer is waited for.
pub(crate) async fn lock(conn: &impl ConnectionTrait, topic: Topic) -> Result<(), StoreError> {
    sql::execute(conn, "UPDATE caught_up SET topic = topic WHERE topic = ?", [topic.name().into()])
        .await?;
    Ok(())
}

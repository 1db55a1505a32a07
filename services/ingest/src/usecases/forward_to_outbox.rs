//! Stores a hint for token in the outbox while the log is unavailable; the relay publishes it later.

use contracts::strava::Hint;
use contracts::{Cause, Topic};
use kernel::EventId;
use outbox::{OutboxMessage, StoreError, Tx};

use super::ServiceContext;

/// Stores the hint in the outbox under the id of its first publication, which may have succeeded.
pub(crate) async fn forward_to_outbox(
    ctx: &ServiceContext,
    id: EventId,
    hint: &Hint,
) -> Result<(), StoreError> {
    let forward = |tx: Tx| async move {
        let message = OutboxMessage {
            topic: Topic::StravaEvents,
            athlete: None,
            origins: Vec::new(),
            cause: Cause::Live,
            replay: false,
            body: hint.clone(),
        };
        tx.publish_with_id(id, message).await
    };
    ctx.database.run_plain("forward_to_outbox", forward).await
}

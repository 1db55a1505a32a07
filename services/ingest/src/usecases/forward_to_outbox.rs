//! Stores a hint for token in the outbox while the log is unavailable; the relay publishes it later.

use std::sync::Arc;

use contracts::strava::Hint;
use contracts::{Cause, Topic};
use kernel::{EventId, Ids, Timestamp};
use outbox::{OutboxMessage, StoreError, again_if_contended};
use uuid::Uuid;

use super::ServiceContext;

/// Ids that repeat the id of an event whose first publication may have succeeded.
#[derive(Debug)]
struct RepeatedId(EventId, Arc<dyn Ids>);

impl Ids for RepeatedId {
    fn fill(&self, buffer: &mut [u8]) {
        self.1.fill(buffer);
    }

    fn uuid_v7(&self, _: Timestamp) -> Uuid {
        self.0.as_uuid()
    }
}

/// Stores the hint in the outbox under its existing id.
pub(crate) async fn forward_to_outbox(
    ctx: &ServiceContext,
    id: EventId,
    hint: &Hint,
) -> Result<(), StoreError> {
    let ids = Arc::new(RepeatedId(id, Arc::clone(&ctx.ids)));
    let database = ctx.database.clone().with(Arc::clone(&ctx.clock), ids);
    again_if_contended(|| async {
        let tx = database.plain().await?;
        tx.publish(OutboxMessage {
            topic: Topic::StravaEvents,
            athlete: None,
            origins: Vec::new(),
            cause: Cause::Live,
            replay: false,
            body: hint.clone(),
        })
        .await?;
        tx.commit().await
    })
    .await
}

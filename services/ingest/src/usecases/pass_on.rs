//! A hint that only token can act on: while the log is away it waits in the outbox, and the relay takes it there.

use std::sync::Arc;

use contracts::strava::Hint;
use contracts::{Cause, Topic};
use kernel::{EventId, Ids, Timestamp};
use outbox::{OutboxMessage, StoreError, again_if_contended};
use uuid::Uuid;

use super::Core;

/// The one id of an event that was tried to be published before, for it may have arrived.
#[derive(Debug)]
struct Same(EventId, Arc<dyn Ids>);

impl Ids for Same {
    fn fill(&self, buffer: &mut [u8]) {
        self.1.fill(buffer);
    }

    fn uuid_v7(&self, _: Timestamp) -> Uuid {
        self.0.as_uuid()
    }
}

/// Keeps the hint, under the id it has, until the log takes it.
pub(crate) async fn pass_on(core: &Core, id: EventId, hint: &Hint) -> Result<(), StoreError> {
    let ids = Arc::new(Same(id, Arc::clone(&core.ids)));
    let database = core.database.clone().with(Arc::clone(&core.clock), ids);
    again_if_contended(|| async {
        let plain = database.plain().await?;
        plain
            .publish(OutboxMessage {
                topic: Topic::StravaEvents,
                athlete: None,
                origins: Vec::new(),
                cause: Cause::Live,
                replay: false,
                body: hint.clone(),
            })
            .await?;
        plain.commit().await
    })
    .await
}

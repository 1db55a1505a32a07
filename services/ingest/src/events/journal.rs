//! Journal entries of other services.

use contracts::journal as wire;
use event_bus::{HandleError, Handler, Received};

use crate::domain::journal::JournalEntry;
use crate::usecases::{ServiceContext, record_journal::store_published_entry};

#[derive(Debug)]
pub(crate) struct JournalHandler(pub(crate) ServiceContext);

impl Handler for JournalHandler {
    type Event = wire::JournalEntry;

    async fn handle(&self, event: &Received<wire::JournalEntry>) -> Result<(), HandleError> {
        let Some(athlete) = event.athlete else { return Ok(()) };
        let body = &event.body;
        let entry = JournalEntry {
            id: event.id,
            athlete,
            activity: body.activity.parse().ok(),
            source: body.source_key().map_err(|odd| HandleError::Rejected(odd.into()))?,
            service: body.service.clone(),
            step: body.step.clone(),
            state: body.state.clone(),
            reason: body.reason.clone(),
            attempts: body.attempts,
            next_try_us: body.next_try_us,
            at: event.occurred_at,
        };
        Ok(store_published_entry(&self.0, &entry, &event.origins).await?)
    }
}

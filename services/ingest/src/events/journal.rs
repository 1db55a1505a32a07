//! What other services did with an athlete's activities.

use contracts::journal::JournalEntry;
use event_bus::{HandleError, Handler, Received};
use kernel::{ApplicationId, StravaActivityId};

use super::trouble;
use crate::domain::journal::Entry;
use crate::usecases::{Core, journal::keep_entry};

#[derive(Debug)]
pub(crate) struct Journal(pub(crate) Core);

impl Handler for Journal {
    type Event = JournalEntry;

    async fn handle(&self, event: &Received<JournalEntry>) -> Result<(), HandleError> {
        let Some(athlete) = event.athlete else { return Ok(()) };
        let told = &event.body;
        let entry = Entry {
            id: event.id,
            athlete,
            activity: told.activity.parse().ok(),
            application: ApplicationId::new(told.application),
            strava: StravaActivityId::new(told.strava_activity),
            service: told.service.clone(),
            step: told.step.clone(),
            state: told.state.clone(),
            reason: told.reason.clone(),
            attempts: told.attempts,
            next_try_us: told.next_try_us,
            at: event.occurred_at,
        };
        keep_entry(&self.0, &entry, &event.origins).await.map_err(trouble)
    }
}

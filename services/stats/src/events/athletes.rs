//! A connection changed, or an erase was asked for.

use std::sync::Arc;

use contracts::Erasure;
use contracts::athletes::{AthleteChanged, ConnectionState, athlete_changed::Change};
use event_bus::{HandleError, Handler, Received};
use kernel::{ApplicationId, Generation, Revision};

use crate::domain::connection::Connection;
use crate::usecases::Core;
use crate::usecases::erase::erase;
use crate::usecases::note_connection::note_connection;

/// Notes connections and carries out erases.
#[derive(Debug)]
pub(super) struct Athletes {
    core: Arc<Core>,
}

impl Athletes {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

impl Handler for Athletes {
    type Event = AthleteChanged;
    /// An erase is tried until it is done.
    const MAY_PARK: bool = false;

    async fn handle(&self, event: &Received<AthleteChanged>) -> Result<(), HandleError> {
        // Nothing here may be parked, so what can never be handled is passed over, loudly.
        let (Some(athlete), Some(change)) = (event.athlete, &event.body.change) else {
            tracing::error!(event = %event.id, "a change of an athlete names no athlete or no change; passed over");
            return Ok(());
        };
        match change {
            Change::Connection(now) => {
                let connection = Connection {
                    athlete,
                    application: ApplicationId::new(now.application),
                    generation: Generation::new(now.generation),
                    revision: Revision::new(event.body.revision),
                    connected: now.state() == ConnectionState::Connected,
                };
                note_connection(&self.core, &connection).await?;
            }
            Change::Erase(what) => {
                let application = ApplicationId::new(what.application);
                let through = Generation::new(what.through_generation);
                erase(&self.core, athlete, Erasure::Connection { application, through }).await?;
            }
            Change::Gone(_) => erase(&self.core, athlete, Erasure::Everything).await?,
        }
        Ok(())
    }
}

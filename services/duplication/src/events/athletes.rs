//! A connection changed, or an erase was asked for.

use contracts::Erasure;
use contracts::athletes::{AthleteChanged, athlete_changed::Change};
use event_bus::{HandleError, Handler, Received};
use kernel::{ApplicationId, Generation};

use crate::domain::connection::{Connection, ConnectionState};
use crate::usecases::Kit;
use crate::usecases::apply_connection::apply_connection;
use crate::usecases::erase::erase;

/// Notes connections and carries out erases.
pub(super) struct Athletes {
    kit: Kit,
}

impl Athletes {
    pub(super) const fn new(kit: Kit) -> Self {
        Self { kit }
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
                    application: ApplicationId::new(now.application),
                    generation: Generation::new(now.generation),
                    state: ConnectionState::from_code(now.state),
                    scopes: now.scopes.clone(),
                };
                apply_connection(&self.kit, athlete, &connection, event.body.revision).await?;
            }
            Change::Erase(what) => {
                let application = ApplicationId::new(what.application);
                let through = Generation::new(what.through_generation);
                erase(&self.kit, athlete, Erasure::Connection { application, through }).await?;
            }
            Change::Gone(_) => erase(&self.kit, athlete, Erasure::Everything).await?,
        }
        Ok(())
    }
}

//! Changes of athletes: connections and erasures.

use contracts::Erasure;
use contracts::athletes::{AthleteChanged, athlete_changed::Change};
use event_bus::{HandleError, Handler, Received};
use kernel::{ApplicationId, Generation};

use crate::domain::connection::{Connection, ConnectionState};
use crate::usecases::ServiceContext;
use crate::usecases::apply_connection::apply_connection;
use crate::usecases::erase::erase_data;

/// Stores connections and carries out erasures.
pub(super) struct AthleteHandler {
    pub(super) ctx: ServiceContext,
}

impl Handler for AthleteHandler {
    type Event = AthleteChanged;
    /// An erasure is tried until it is done.
    const MAY_PARK: bool = false;

    async fn handle(&self, event: &Received<AthleteChanged>) -> Result<(), HandleError> {
        // Nothing here may be parked, so a message that can never be handled is skipped, loudly.
        let (Some(athlete), Some(change)) = (event.athlete, &event.body.change) else {
            tracing::error!(event = %event.id, "an athlete event without athlete or change was skipped");
            return Ok(());
        };
        match change {
            Change::Connection(published) => {
                let connection = Connection {
                    application: ApplicationId::new(published.application),
                    generation: Generation::new(published.generation),
                    state: ConnectionState::from_code(published.state),
                    scopes: published.scopes.clone(),
                };
                apply_connection(&self.ctx, athlete, &connection, event.body.revision).await?;
            }
            Change::Erase(request) => {
                erase_data(&self.ctx, athlete, request.into()).await?;
            }
            Change::Gone(_) => erase_data(&self.ctx, athlete, Erasure::Everything).await?,
        }
        Ok(())
    }
}

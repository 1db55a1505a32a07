//! Handles `AthleteChanged`: records connections and carries out erasures.

use std::sync::Arc;

use contracts::Erasure;
use contracts::athletes::{AthleteChanged, ConnectionState, athlete_changed::Change};
use event_bus::{HandleError, Handler, Received};
use kernel::{ApplicationId, Generation, Revision};

use crate::domain::connection::Connection;
use crate::usecases::ServiceContext;
use crate::usecases::erase_athlete::erase_athlete;
use crate::usecases::record_connection::record_connection;

/// Records connections and carries out erasures.
#[derive(Debug)]
pub(super) struct AthleteHandler {
    pub(super) ctx: Arc<ServiceContext>,
}

impl Handler for AthleteHandler {
    type Event = AthleteChanged;
    /// An erasure is retried until it is done.
    const MAY_PARK: bool = false;

    async fn handle(&self, event: &Received<AthleteChanged>) -> Result<(), HandleError> {
        // Nothing here may be parked: an event that can never be handled is skipped and logged.
        let (Some(athlete), Some(change)) = (event.athlete, &event.body.change) else {
            tracing::error!(event = %event.id, "skipped a change of an athlete that names no athlete or no change");
            return Ok(());
        };
        match change {
            Change::Connection(state) => {
                let connection = Connection {
                    athlete,
                    application: ApplicationId::new(state.application),
                    generation: Generation::new(state.generation),
                    revision: Revision::new(event.body.revision),
                    connected: state.state() == ConnectionState::Connected,
                };
                record_connection(&self.ctx, &connection).await?;
            }
            Change::Erase(erase) => {
                erase_athlete(&self.ctx, athlete, erase.into()).await?;
            }
            Change::Gone(_) => erase_athlete(&self.ctx, athlete, Erasure::Everything).await?,
        }
        Ok(())
    }
}

//! Connection changes published by token. An erase is never parked.

use contracts::athletes::AthleteChanged;
use event_bus::{HandleError, Handler, Received};

use crate::usecases::ServiceContext;
use crate::usecases::apply_connection_change::apply_connection_change;

#[derive(Debug)]
pub(crate) struct AthleteHandler(pub(crate) ServiceContext);

impl Handler for AthleteHandler {
    type Event = AthleteChanged;
    const MAY_PARK: bool = false;

    async fn handle(&self, event: &Received<AthleteChanged>) -> Result<(), HandleError> {
        let Some(athlete) = event.athlete else {
            tracing::warn!(event.id = %event.id, "connection change without an athlete ignored");
            return Ok(());
        };
        Ok(apply_connection_change(&self.0, athlete, &event.body).await?)
    }
}

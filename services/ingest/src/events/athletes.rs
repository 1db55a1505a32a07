//! Connections as token tells them; an erase is never parked.

use contracts::athletes::AthleteChanged;
use contracts::replays::ReplayDone;
use event_bus::{HandleError, Handler, Received};

use super::trouble;
use crate::usecases::ask_replay::replay_done;
use crate::usecases::{Core, follow_connection::follow_connection};

#[derive(Debug)]
pub(crate) struct Athletes(pub(crate) Core);

impl Handler for Athletes {
    type Event = AthleteChanged;
    const MAY_PARK: bool = false;

    async fn handle(&self, event: &Received<AthleteChanged>) -> Result<(), HandleError> {
        let Some(athlete) = event.athlete else {
            tracing::warn!(event.id = %event.id, "a connection of nobody is passed over");
            return Ok(());
        };
        follow_connection(&self.0, athlete, &event.body).await.map_err(trouble)
    }
}

/// token has told everything again.
#[derive(Debug)]
pub(crate) struct Done(pub(crate) Core);

impl Handler for Done {
    type Event = ReplayDone;

    async fn handle(&self, event: &Received<ReplayDone>) -> Result<(), HandleError> {
        replay_done(&self.0, &event.body, event.partition).await.map_err(trouble)
    }
}

//! Handles `AthleteChanged`: removes the account of an athlete who is gone, and answers erasures.

use std::sync::Arc;

use contracts::athletes::{AthleteChanged, athlete_changed::Change};
use event_bus::{HandleError, Handler, Received};

use crate::usecases::ServiceContext;
use crate::usecases::remove_user::{answer_erasure, remove_athlete};

/// Removes the accounts of athletes who are gone.
#[derive(Debug)]
pub(super) struct AthleteHandler {
    pub(super) ctx: Arc<ServiceContext>,
}

impl Handler for AthleteHandler {
    type Event = AthleteChanged;
    /// An erasure is retried until it is done.
    const MAY_PARK: bool = false;

    async fn handle(&self, event: &Received<AthleteChanged>) -> Result<(), HandleError> {
        match (event.athlete, &event.body.change) {
            (Some(athlete), Some(Change::Gone(_))) => Ok(remove_athlete(&self.ctx, athlete).await?),
            (Some(athlete), Some(Change::Erase(erase))) => {
                Ok(answer_erasure(&self.ctx, athlete, erase.into()).await?)
            }
            _ => Ok(()),
        }
    }
}

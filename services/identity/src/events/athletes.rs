//! Handles `AthleteChanged`: removes the account of an athlete who is gone, and answers erasures.

use std::sync::Arc;

use contracts::Erasure;
use contracts::athletes::{AthleteChanged, athlete_changed::Change};
use event_bus::{HandleError, Handler, Received};
use kernel::{ApplicationId, Generation};

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
                let application = ApplicationId::new(erase.application);
                let through = Generation::new(erase.through_generation);
                let erasure = Erasure::Connection { application, through };
                Ok(answer_erasure(&self.ctx, athlete, erasure).await?)
            }
            _ => Ok(()),
        }
    }
}

//! Handles `AthleteChanged`: removes the account of an athlete who is gone.

use std::sync::Arc;

use contracts::athletes::{AthleteChanged, athlete_changed::Change};
use event_bus::{HandleError, Handler, Received};

use crate::usecases::ServiceContext;
use crate::usecases::remove_user::remove_athlete;

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
        if let (Some(athlete), Some(Change::Gone(_))) = (event.athlete, &event.body.change) {
            remove_athlete(&self.ctx, athlete).await?;
        }
        Ok(())
    }
}

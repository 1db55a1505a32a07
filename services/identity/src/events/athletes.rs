//! An athlete is gone: so is the account.

use std::sync::Arc;

use contracts::athletes::{AthleteChanged, athlete_changed::Change};
use event_bus::{HandleError, Handler, Received};

use crate::usecases::Core;
use crate::usecases::remove_user::remove_athlete;

/// Removes the accounts of athletes who are gone.
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
        if let (Some(athlete), Some(Change::Gone(_))) = (event.athlete, &event.body.change) {
            remove_athlete(&self.core, athlete).await?;
        }
        Ok(())
    }
}

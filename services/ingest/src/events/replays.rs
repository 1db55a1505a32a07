//! Whoever is incomplete asks for everything again.

use contracts::replays::ReplayRequested;
use event_bus::{HandleError, Handler, Received};

use crate::usecases::Core;
use crate::usecases::answer_replay::{BadRequest, accept};

#[derive(Debug)]
pub(crate) struct Replays(pub(crate) Core);

impl Handler for Replays {
    type Event = ReplayRequested;

    async fn handle(&self, event: &Received<ReplayRequested>) -> Result<(), HandleError> {
        match accept(&self.0, &event.body).await {
            Ok(()) => Ok(()),
            Err(BadRequest::Store(error)) => Err(error.into()),
            Err(bad) => Err(HandleError::Rejected(bad.into())),
        }
    }
}

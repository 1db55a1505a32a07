//! Replay requests of services that have missed messages.

use contracts::replays::ReplayRequested;
use event_bus::{HandleError, Handler, Received};

use crate::usecases::ServiceContext;
use crate::usecases::answer_replay::{ReplayRequestError, enqueue_replay};

#[derive(Debug)]
pub(crate) struct ReplayRequestHandler(pub(crate) ServiceContext);

impl Handler for ReplayRequestHandler {
    type Event = ReplayRequested;

    async fn handle(&self, event: &Received<ReplayRequested>) -> Result<(), HandleError> {
        match enqueue_replay(&self.0, &event.body).await {
            Ok(()) => Ok(()),
            Err(ReplayRequestError::Store(error)) => Err(error.into()),
            Err(invalid) => Err(HandleError::Rejected(invalid.into())),
        }
    }
}

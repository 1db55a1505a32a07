//! Requests of services that lost their state.

use std::sync::Arc;

use contracts::replays::ReplayRequested;
use event_bus::{HandleError, Handler, Received};

use crate::usecases::{ServiceContext, answer_replay::answer_replay};

/// Answers requests for `athletes`; other requests are ingest's.
pub(crate) struct AnswerReplays(pub(crate) Arc<ServiceContext>);

impl Handler for AnswerReplays {
    type Event = ReplayRequested;

    async fn handle(&self, event: &Received<ReplayRequested>) -> Result<(), HandleError> {
        Ok(answer_replay(&self.0, &event.body).await?)
    }
}

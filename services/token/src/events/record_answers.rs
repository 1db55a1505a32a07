//! Answers of services that have erased something.

use std::sync::Arc;

use contracts::erasures::Erased;
use event_bus::{HandleError, Handler, Received};

use crate::usecases::{ServiceContext, erasures::record_answer};

/// Records the answers to erasures.
pub(crate) struct RecordAnswers(pub(crate) Arc<ServiceContext>);

impl Handler for RecordAnswers {
    type Event = Erased;
    const MAY_PARK: bool = false;

    async fn handle(&self, event: &Received<Erased>) -> Result<(), HandleError> {
        match event.athlete {
            Some(athlete) => Ok(record_answer(&self.0, athlete, &event.body).await?),
            None => Ok(()),
        }
    }
}

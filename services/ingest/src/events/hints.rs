//! Hints of Strava's webhook, which request fetches.

use contracts::strava::Hint;
use event_bus::{HandleError, Handler, Received};

use crate::usecases::{ServiceContext, record_hint::record_hint};

#[derive(Debug)]
pub(crate) struct HintHandler(pub(crate) ServiceContext);

impl Handler for HintHandler {
    type Event = Hint;

    async fn handle(&self, event: &Received<Hint>) -> Result<(), HandleError> {
        record_hint(&self.0, event.id, &event.body).await?;
        Ok(())
    }
}

//! Hints from Strava's webhook become jobs.

use contracts::strava::Hint;
use event_bus::{HandleError, Handler, Received};

use super::trouble;
use crate::usecases::{Core, note_hint::note_hint};

#[derive(Debug)]
pub(crate) struct Hints(pub(crate) Core);

impl Handler for Hints {
    type Event = Hint;

    async fn handle(&self, event: &Received<Hint>) -> Result<(), HandleError> {
        note_hint(&self.0, event.id, &event.body).await.map(drop).map_err(trouble)
    }
}

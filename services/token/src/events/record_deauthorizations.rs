//! Hints of the webhook that an athlete withdrew access.

use std::sync::Arc;

use contracts::strava::{Hint, ObjectType};
use event_bus::{HandleError, Handler, Received};
use kernel::{ApplicationId, StravaAthleteId};

use crate::usecases::{ServiceContext, record_hint::record_hint};

/// Records hints of a withdrawal; other hints are ingest's.
pub(crate) struct RecordDeauthorizations(pub(crate) Arc<ServiceContext>);

impl Handler for RecordDeauthorizations {
    type Event = Hint;

    async fn handle(&self, event: &Received<Hint>) -> Result<(), HandleError> {
        let hint = &event.body;
        if hint.object_type() != ObjectType::Athlete || !hint.deauthorized {
            return Ok(());
        }
        let (application, owner) =
            (ApplicationId::new(hint.application), StravaAthleteId::new(hint.owner));
        Ok(record_hint(&self.0, application, owner).await?)
    }
}

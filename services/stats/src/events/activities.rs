//! An activity changed: count it.

use std::sync::Arc;

use contracts::activities::ActivityChanged;
use event_bus::{HandleError, Handler, Received};

use crate::domain::fact::Change;
use crate::usecases::Core;
use crate::usecases::apply_activity::{Applied, Pace, apply_activity};

/// Counts activities.
#[derive(Debug)]
pub(super) struct Activities {
    core: Arc<Core>,
    pace: Pace,
}

impl Activities {
    pub(super) fn new(core: Arc<Core>, pace: Pace) -> Self {
        Self { core, pace }
    }
}

impl Handler for Activities {
    type Event = ActivityChanged;

    async fn handle(&self, event: &Received<ActivityChanged>) -> Result<(), HandleError> {
        let change = Change::read(event.athlete, (&event.origins, event.cause), &event.body)
            .map_err(|uncountable| HandleError::Rejected(uncountable.into()))?;
        let applied = apply_activity(&self.core, &change, self.pace).await?;
        let outcome = match applied {
            Applied::Counted => "counted",
            Applied::Older => "older",
            Applied::Fenced => "fenced",
        };
        metrics::counter!("stats_activities_total", "outcome" => outcome).increment(1);
        tracing::debug!(activity = %change.activity, revision = %change.revision, outcome, "activity heard");
        Ok(())
    }
}

//! Handles `ActivityChanged`: counts the activity.

use std::sync::Arc;

use contracts::activities::ActivityChanged;
use event_bus::{HandleError, Handler, Received};

use crate::domain::activity_change::ActivityChange;
use crate::usecases::ServiceContext;
use crate::usecases::apply_activity::{ChangeOutcome, Priority, apply_activity};

/// Counts activities.
#[derive(Debug)]
pub(super) struct ActivityHandler {
    pub(super) ctx: Arc<ServiceContext>,
    pub(super) priority: Priority,
}

impl Handler for ActivityHandler {
    type Event = ActivityChanged;

    async fn handle(&self, event: &Received<ActivityChanged>) -> Result<(), HandleError> {
        let change = ActivityChange::parse(event.athlete, &event.origins, event.cause, &event.body)
            .map_err(|invalid| HandleError::Rejected(invalid.into()))?;
        let outcome = match apply_activity(&self.ctx, &change, self.priority).await? {
            ChangeOutcome::Counted => "counted",
            ChangeOutcome::Older => "older",
            ChangeOutcome::Fenced => "fenced",
        };
        metrics::counter!("stats_activities_total", "outcome" => outcome).increment(1);
        tracing::debug!(activity = %change.activity, revision = %change.revision, outcome, "activity change handled");
        Ok(())
    }
}

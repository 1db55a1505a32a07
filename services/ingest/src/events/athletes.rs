//! Connection changes published by token. An erase is never parked.

use contracts::Topic;
use contracts::athletes::AthleteChanged;
use contracts::replays::ReplayDone;
use event_bus::{Bus, HandleError, Handler, Received};
use outbox::caught_up::OnPartition;
use tokio::sync::OnceCell;

use crate::usecases::ServiceContext;
use crate::usecases::apply_connection_change::apply_connection_change;
use crate::usecases::request_replay::{is_own_replay, record_replay_done};

#[derive(Debug)]
pub(crate) struct AthleteHandler(pub(crate) ServiceContext);

impl Handler for AthleteHandler {
    type Event = AthleteChanged;
    const MAY_PARK: bool = false;

    async fn handle(&self, event: &Received<AthleteChanged>) -> Result<(), HandleError> {
        let Some(athlete) = event.athlete else {
            tracing::warn!(event.id = %event.id, "connection change without an athlete ignored");
            return Ok(());
        };
        Ok(apply_connection_change(&self.0, athlete, &event.body).await?)
    }
}

/// Handler of the end of token's replay.
#[derive(Debug)]
pub(crate) struct ReplayDoneHandler {
    ctx: ServiceContext,
    bus: Bus,
    partitions: OnceCell<i32>,
}

impl ReplayDoneHandler {
    pub(crate) fn new(ctx: ServiceContext, bus: Bus) -> Self {
        Self { ctx, bus, partitions: OnceCell::new() }
    }

    /// Returns the number of partitions of the topic, which never changes while running.
    async fn partitions(&self) -> Result<i32, HandleError> {
        let query = || async {
            let reports = self.bus.ensure_topics(&[Topic::Athletes]).await?;
            reports
                .first()
                .map(|report| report.partitions)
                .ok_or_else(|| anyhow::anyhow!("the partitions of the topic athletes are unknown"))
        };
        self.partitions.get_or_try_init(query).await.copied().map_err(HandleError::Unavailable)
    }
}

impl Handler for ReplayDoneHandler {
    type Event = ReplayDone;

    async fn handle(&self, event: &Received<ReplayDone>) -> Result<(), HandleError> {
        if !is_own_replay(&event.body) {
            return Ok(());
        }
        let on = OnPartition { partition: event.partition, of: self.partitions().await? };
        Ok(record_replay_done(&self.ctx, &event.body, on).await?)
    }
}

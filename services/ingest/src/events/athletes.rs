//! Connections as token tells them; an erase is never parked.

use contracts::Topic;
use contracts::athletes::AthleteChanged;
use contracts::replays::ReplayDone;
use event_bus::{Bus, HandleError, Handler, Received};
use outbox::caught_up::OnPartition;
use tokio::sync::OnceCell;

use super::trouble;
use crate::usecases::ask_replay::{is_ours, replay_done};
use crate::usecases::{Core, follow_connection::follow_connection};

#[derive(Debug)]
pub(crate) struct Athletes(pub(crate) Core);

impl Handler for Athletes {
    type Event = AthleteChanged;
    const MAY_PARK: bool = false;

    async fn handle(&self, event: &Received<AthleteChanged>) -> Result<(), HandleError> {
        let Some(athlete) = event.athlete else {
            tracing::warn!(event.id = %event.id, "a connection of nobody is passed over");
            return Ok(());
        };
        follow_connection(&self.0, athlete, &event.body).await.map_err(trouble)
    }
}

/// token has told everything again.
#[derive(Debug)]
pub(crate) struct Done {
    core: Core,
    bus: Bus,
    partitions: OnceCell<i32>,
}

impl Done {
    pub(crate) fn new(core: Core, bus: Bus) -> Self {
        Self { core, bus, partitions: OnceCell::new() }
    }

    /// How many partitions the topic really has; asked once, for they are never added on the fly.
    async fn partitions(&self) -> Result<i32, HandleError> {
        let ask = || async {
            let reports = self.bus.ensure_topics(&[Topic::Athletes]).await?;
            reports
                .first()
                .map(|report| report.partitions)
                .ok_or_else(|| anyhow::anyhow!("the log says nothing of the topic athletes"))
        };
        self.partitions.get_or_try_init(ask).await.copied().map_err(HandleError::Unavailable)
    }
}

impl Handler for Done {
    type Event = ReplayDone;

    async fn handle(&self, event: &Received<ReplayDone>) -> Result<(), HandleError> {
        if !is_ours(&event.body) {
            return Ok(());
        }
        let on = OnPartition { partition: event.partition, of: self.partitions().await? };
        replay_done(&self.core, &event.body, on).await.map_err(trouble)
    }
}

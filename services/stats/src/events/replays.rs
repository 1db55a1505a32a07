//! The answer to a replay has ended on a partition.

use std::sync::Arc;

use contracts::{Topic, replays::ReplayDone};
use event_bus::{Bus, HandleError, Handler, Received};
use outbox::caught_up::OnPartition;
use tokio::sync::OnceCell;

use crate::usecases::Core;
use crate::usecases::ask_again::answer_ended;

/// Notes where answers end.
#[derive(Debug)]
pub(super) struct Answers {
    core: Arc<Core>,
    bus: Bus,
    topic: Topic,
    partitions: OnceCell<i32>,
}

impl Answers {
    pub(super) fn new(core: Arc<Core>, bus: Bus, topic: Topic) -> Self {
        Self { core, bus, topic, partitions: OnceCell::new() }
    }

    /// How many partitions the topic has; asked once, for they are never added on the fly.
    async fn partitions(&self) -> Result<i32, HandleError> {
        let ask = || async {
            let reports = self.bus.ensure_topics(&[self.topic]).await?;
            reports
                .first()
                .map(|report| report.partitions)
                .ok_or_else(|| anyhow::anyhow!("the log says nothing of the topic {}", self.topic))
        };
        self.partitions.get_or_try_init(ask).await.copied().map_err(HandleError::Unavailable)
    }
}

impl Handler for Answers {
    type Event = ReplayDone;

    async fn handle(&self, event: &Received<ReplayDone>) -> Result<(), HandleError> {
        if event.body.service != crate::Service::NAME {
            return Ok(());
        }
        let on = OnPartition { partition: event.partition, of: self.partitions().await? };
        answer_ended(&self.core, event.topic, &event.body.id, on).await?;
        Ok(())
    }
}

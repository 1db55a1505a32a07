//! ReplayEndHandler of replay answers.

use contracts::{Topic, replays::ReplayDone};
use event_bus::{Bus, HandleError, Handler, Received};
use outbox::caught_up::OnPartition;
use tokio::sync::OnceCell;

use crate::usecases::ServiceContext;
use crate::usecases::request_replay::record_replay_end;

/// Records on which partitions an answer has ended.
pub(super) struct ReplayEndHandler {
    ctx: ServiceContext,
    bus: Bus,
    topic: Topic,
    partitions: OnceCell<i32>,
}

impl ReplayEndHandler {
    pub(super) fn new(ctx: ServiceContext, bus: Bus, topic: Topic) -> Self {
        Self { ctx, bus, topic, partitions: OnceCell::new() }
    }

    /// Returns the number of partitions of the topic; read once, for none is added while running.
    async fn partitions(&self) -> Result<i32, HandleError> {
        let ask = || async {
            let reports = self.bus.ensure_topics(&[self.topic]).await?;
            let report = reports.first().map(|report| report.partitions);
            report
                .ok_or_else(|| anyhow::anyhow!("the log says nothing of the topic {}", self.topic))
        };
        self.partitions.get_or_try_init(ask).await.copied().map_err(HandleError::Unavailable)
    }
}

impl Handler for ReplayEndHandler {
    type Event = ReplayDone;

    async fn handle(&self, event: &Received<ReplayDone>) -> Result<(), HandleError> {
        if event.body.service != crate::Service::NAME {
            return Ok(());
        }
        let partition = OnPartition { partition: event.partition, of: self.partitions().await? };
        record_replay_end(&self.ctx, event.topic, &event.body.id, partition).await?;
        Ok(())
    }
}

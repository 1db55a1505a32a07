//! The answer to a replay has ended on a partition.

use contracts::{Topic, replays::ReplayDone};
use event_bus::{Bus, HandleError, Handler, Received};
use outbox::caught_up::OnPartition;
use tokio::sync::OnceCell;

use crate::usecases::Kit;
use crate::usecases::catch_up::replay_done;

/// Notes where answers end.
pub(super) struct Ends {
    kit: Kit,
    bus: Bus,
    topic: Topic,
    partitions: OnceCell<i32>,
}

impl Ends {
    pub(super) fn new(kit: Kit, bus: Bus, topic: Topic) -> Self {
        Self { kit, bus, topic, partitions: OnceCell::new() }
    }

    /// How many partitions the topic has; asked once, for none is added on the fly.
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

impl Handler for Ends {
    type Event = ReplayDone;

    async fn handle(&self, event: &Received<ReplayDone>) -> Result<(), HandleError> {
        if event.body.service != crate::Service::NAME {
            return Ok(());
        }
        let on = OnPartition { partition: event.partition, of: self.partitions().await? };
        replay_done(&self.kit, event.topic, &event.body.id, on).await?;
        Ok(())
    }
}

//! The replay component: it knows if a service missed events, and requests them again.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::{Cause, Topic};
use event_bus::{Bus, HandleError, Handler, Received};
use lifecycle::Stop;
use tokio::sync::OnceCell;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::replay_state::{self, PartitionOf, SyncState};
use crate::{Database, OutboxMessage, StoreError, Tx};

/// Interval at which it is recorded that everything is handled. The first time comes as late, for a
/// consumer that has not begun to read has no lag either.
const CAUGHT_UP_INTERVAL: Duration = Duration::from_mins(10);

/// A state that a service needs in full.
#[derive(Clone, Copy, Debug)]
pub struct ReplaySource {
    /// The topic whose state is requested.
    pub of: Topic,
    /// The topic that the answer travels on.
    pub answer_on: Topic,
    /// Tells if there is nothing to miss, so that the topic is complete without a replay.
    pub is_needless: Option<IsNeedless>,
}

/// A query within the transaction that would request the replay.
pub type IsNeedless =
    for<'a> fn(&'a Tx) -> Pin<Box<dyn Future<Output = Result<bool, StoreError>> + Send + 'a>>;

impl ReplaySource {
    /// A state that is always needed.
    pub const fn new(of: Topic, answer_on: Topic) -> Self {
        Self { of, answer_on, is_needless: None }
    }
}

/// Requests replays for one service and follows their answers.
#[derive(Clone, Debug)]
pub struct ReplayMonitor {
    database: Database,
    bus: Bus,
    service: &'static str,
    groups: &'static [&'static str],
    sources: &'static [ReplaySource],
}

impl ReplayMonitor {
    /// A monitor for a service whose consumer groups are `groups`.
    pub fn new(
        database: Database,
        bus: Bus,
        service: &'static str,
        groups: &'static [&'static str],
        sources: &'static [ReplaySource],
    ) -> Self {
        Self { database, bus, service, groups, sources }
    }

    /// Requests what is incomplete at every tick, and records now and then that nothing is, until
    /// stopped. What fails is tried at the next tick.
    pub async fn run(self, every: Duration, soft: Stop) -> Result<(), anyhow::Error> {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut record_at = Instant::now() + CAUGHT_UP_INTERVAL;
        while soft.run_until_stopped(ticks.tick()).await.is_some() {
            if let Err(error) = self.request_if_incomplete().await {
                let error = anyhow::Error::from(error);
                tracing::warn!(error = format!("{error:#}"), "a replay could not be requested");
            }
            if Instant::now() >= record_at {
                record_at = Instant::now() + CAUGHT_UP_INTERVAL;
                if let Err(error) = self.record_if_caught_up().await {
                    tracing::warn!(error = format!("{error:#}"), "the consumer lag is unknown");
                }
            }
        }
        Ok(())
    }

    /// Requests whatever is incomplete and not being answered yet. Returns the topics requested.
    pub async fn request_if_incomplete(&self) -> Result<Vec<Topic>, StoreError> {
        let mut requested = Vec::new();
        for source in self.sources {
            let now = self.database.clock().now();
            let state = replay_state::load(self.database.readers(), source.answer_on, now).await?;
            if state == SyncState::Incomplete && self.request(source, false).await? {
                requested.push(source.of);
            }
        }
        Ok(requested)
    }

    /// Requests everything, also what is complete.
    pub async fn request_everything(&self) -> Result<(), StoreError> {
        for source in self.sources {
            self.request(source, true).await?;
        }
        Ok(())
    }

    /// Records that everything is handled, if the consumer groups have no lag.
    pub async fn record_if_caught_up(&self) -> Result<(), anyhow::Error> {
        if self.bus.lag_of_groups(self.groups).await? > 0 {
            return Ok(());
        }
        let now = self.database.clock().now();
        for source in self.sources {
            replay_state::record_caught_up(self.database.writer(), source.answer_on, now).await?;
        }
        Ok(())
    }

    /// The handler of the ends of answers on a topic.
    pub fn done_handler(&self) -> ReplayDoneHandler {
        let partitions = self.sources.iter().map(|source| (source.answer_on, OnceCell::new()));
        ReplayDoneHandler { monitor: self.clone(), partitions: partitions.collect() }
    }

    /// Requests one state. False: it is complete or requested already, or there is nothing to miss.
    async fn request(&self, source: &ReplaySource, always: bool) -> Result<bool, StoreError> {
        let requested = self
            .database
            .run_plain("request_replay", |tx| async move {
                let now = self.database.clock().now();
                let state = replay_state::load(tx.conn(), source.answer_on, now).await?;
                if !always && state != SyncState::Incomplete {
                    return Ok(tx.unchanged(None));
                }
                if let Some(is_needless) = source.is_needless
                    && is_needless(&tx).await?
                {
                    replay_state::set_complete(tx.conn(), source.answer_on, now).await?;
                    return Ok(None);
                }
                let id = self.database.ids().uuid_v7(now).to_string();
                replay_state::record_request(tx.conn(), source.answer_on, &id, now).await?;
                tx.publish(self.request_message(source, &id)).await?;
                Ok::<_, StoreError>(Some(id))
            })
            .await?;
        if let Some(replay) = &requested {
            tracing::info!(
                service = self.service,
                replay,
                of = source.of.name(),
                "incomplete: a replay is requested"
            );
        }
        Ok(requested.is_some())
    }

    fn request_message(&self, source: &ReplaySource, id: &str) -> OutboxMessage<ReplayRequested> {
        OutboxMessage {
            topic: Topic::Replays,
            athlete: None,
            origins: Vec::new(),
            cause: Cause::Operator,
            replay: false,
            body: ReplayRequested {
                id: id.to_owned(),
                service: self.service.to_owned(),
                of: source.of.name().to_owned(),
                answer_on: source.answer_on.name().to_owned(),
                athlete: String::new(),
            },
        }
    }

    async fn record_done(
        &self,
        topic: Topic,
        replay: &str,
        on: PartitionOf,
    ) -> Result<(), StoreError> {
        let complete = self
            .database
            .run_plain("record_replay_done", |tx| async move {
                let now = self.database.clock().now();
                replay_state::record_done(tx.conn(), topic, replay, on, now).await
            })
            .await?;
        if complete {
            tracing::info!(service = self.service, replay, %topic, "the replay is complete");
        }
        Ok(())
    }
}

/// Handles the ends of answers to a service's replay requests, one for each partition.
#[derive(Clone, Debug)]
pub struct ReplayDoneHandler {
    monitor: ReplayMonitor,
    /// Partition count of each source's topic, read once: partitions are never added on the fly.
    partitions: Arc<[(Topic, OnceCell<i32>)]>,
}

impl Handler for ReplayDoneHandler {
    type Event = ReplayDone;

    async fn handle(&self, event: &Received<ReplayDone>) -> Result<(), HandleError> {
        if event.body.service != self.monitor.service {
            return Ok(());
        }
        let Some((_, count)) = self.partitions.iter().find(|(topic, _)| *topic == event.topic)
        else {
            return Ok(());
        };
        let count = count
            .get_or_try_init(|| self.monitor.bus.partition_count(event.topic))
            .await
            .copied()
            .map_err(|error| HandleError::Unavailable(error.into()))?;
        let on = PartitionOf { partition: event.partition, count };
        Ok(self.monitor.record_done(event.topic, &event.body.id, on).await?)
    }
}

//! A group's membership: which partitions are ours, since when, and how they are given up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc as std_mpsc};
use std::time::Duration;

use contracts::Topic;
use metrics::gauge;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::statistics::Statistics;
use rdkafka::{ClientContext, TopicPartitionList};
use tokio::sync::mpsc;

use super::KafkaSettings;
use crate::engine::{Assigned, FromLog, REVOKE_PATIENCE, ToLog};

/// How much longer than the engine's own deadline a revoke waits.
const GRACE: Duration = Duration::from_secs(1);

/// What the poll loop and librdkafka's callbacks share. All of it runs on the poller's own thread:
/// a callback that waits inside an async task would wait for itself.
pub(crate) struct Group {
    pub(crate) name: String,
    settings: KafkaSettings,
    events: mpsc::Sender<FromLog>,
    commands: Mutex<std_mpsc::Receiver<ToLog>>,
    assigned: Mutex<HashMap<(Topic, i32), u64>>,
    generation: AtomicU64,
    stopping: AtomicBool,
}

impl Group {
    pub(crate) fn new(
        settings: &KafkaSettings,
        name: &str,
        events: mpsc::Sender<FromLog>,
        commands: std_mpsc::Receiver<ToLog>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            settings: settings.clone(),
            events,
            commands: Mutex::new(commands),
            assigned: Mutex::default(),
            generation: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        }
    }

    pub(crate) fn events(&self) -> &mpsc::Sender<FromLog> {
        &self.events
    }

    pub(crate) fn topic(&self, name: &str) -> Option<Topic> {
        self.settings.topic(name)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The partition as it is assigned now, if it is.
    pub(crate) fn assigned(&self, topic: Topic, partition: i32) -> Option<Assigned> {
        let generation = *locked(&self.assigned).get(&(topic, partition))?;
        Some(Assigned { topic, partition, generation })
    }

    /// Does what the engine has said so far.
    pub(crate) fn obey(&self, consumer: &BaseConsumer<Self>) {
        let commands = locked(&self.commands);
        loop {
            match commands.try_recv() {
                Ok(ToLog::Settled(of, offset)) if self.is_ours(of) => {
                    // Stored is the one after: librdkafka adds it.
                    let stored =
                        consumer.store_offset(&self.settings.name(of.topic), of.partition, offset);
                    self.complain("storing an offset", stored);
                }
                Ok(ToLog::Pause(of)) if self.is_ours(of) => {
                    self.complain("pausing", consumer.pause(&self.list(of)));
                }
                Ok(ToLog::Resume(of)) if self.is_ours(of) => {
                    self.complain("resuming", consumer.resume(&self.list(of)));
                }
                // From before a revoke: somebody else reads it now.
                Ok(ToLog::Settled(..) | ToLog::Pause(_) | ToLog::Resume(_)) => {}
                Ok(ToLog::Stop) | Err(std_mpsc::TryRecvError::Disconnected) => {
                    self.stopping.store(true, Ordering::Relaxed);
                    return;
                }
                Err(std_mpsc::TryRecvError::Empty) => return,
            }
        }
    }

    fn is_ours(&self, of: Assigned) -> bool {
        self.assigned(of.topic, of.partition) == Some(of)
    }

    fn list(&self, of: Assigned) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.settings.name(of.topic), of.partition);
        list
    }

    fn places(&self, list: &TopicPartitionList) -> Vec<(Topic, i32)> {
        list.elements()
            .iter()
            .filter_map(|one| Some((self.settings.topic(one.topic())?, one.partition())))
            .collect()
    }

    /// Lets the engine finish what it has of these partitions, and stores how far it came.
    fn give_up(&self, consumer: &BaseConsumer<Self>, places: &[(Topic, i32)]) {
        let gone: Vec<_> = places
            .iter()
            .filter_map(|(topic, partition)| self.assigned(*topic, *partition))
            .collect();
        let (drained, done) = std_mpsc::sync_channel(1);
        if !self.is_stopping()
            && self.events.blocking_send(FromLog::Revoked { gone, drained }).is_ok()
            && done.recv_timeout(REVOKE_PATIENCE + GRACE).is_err()
        {
            tracing::warn!(
                group = self.name,
                "revoked partitions were not drained in time; their records come again"
            );
        }
        // librdkafka commits what is stored when it lets the partitions go.
        self.obey(consumer);
        locked(&self.assigned).retain(|place, _| !places.contains(place));
    }

    fn complain(&self, doing: &str, result: KafkaResult<()>) {
        if let Err(error) = result {
            tracing::warn!(group = self.name, %error, doing, "the consumer refused");
        }
    }
}

impl ClientContext for Group {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(group = self.name, %error, reason, "Kafka consumer");
    }

    fn stats(&self, statistics: Statistics) {
        for (name, topic) in &statistics.topics {
            let Some(of) = self.settings.topic(name) else { continue };
            // -1: not assigned, or not known yet.
            let lag: i64 =
                topic.partitions.values().map(|partition| partition.consumer_lag.max(0)).sum();
            gauge!("bus_lag", "group" => self.name.clone(), "topic" => of.name()).set(lag as f64);
        }
    }
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(list) => self.give_up(consumer, &self.places(list)),
            Rebalance::Assign(_) => {}
            Rebalance::Error(error) => tracing::warn!(group = self.name, %error, "rebalance"),
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
            let places = self.places(list);
            tracing::debug!(group = self.name, partitions = places.len(), generation, "assigned");
            locked(&self.assigned).extend(places.into_iter().map(|place| (place, generation)));
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result {
            Ok(()) | Err(KafkaError::ConsumerCommit(Code::NoOffset)) => {}
            Err(error) => {
                tracing::warn!(group = self.name, %error, "offsets were not committed; they will be with the next");
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

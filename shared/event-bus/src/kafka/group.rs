//! Membership in a consumer group: assigned partitions, their generation, and their revocation.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc as std_mpsc};
use std::time::Duration;

use contracts::Topic;
use metrics::gauge;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::statistics::Statistics;
use rdkafka::{ClientContext, TopicPartitionList};
use tokio::sync::mpsc;

use super::{KafkaSettings, outage};
use crate::engine::{Assignment, ConsumerCommand, REVOKE_TIMEOUT, TransportEvent};
use crate::record::TopicPartition;

/// Time a revoke waits beyond the engine's own deadline.
const REVOKE_GRACE: Duration = Duration::from_secs(1);

/// State shared by the poll loop and librdkafka's callbacks. All of it runs on the poller's own thread:
/// a callback that blocks inside an async task would deadlock.
pub(crate) struct GroupContext {
    pub(crate) name: String,
    settings: KafkaSettings,
    events: mpsc::Sender<TransportEvent>,
    commands: Mutex<std_mpsc::Receiver<ConsumerCommand>>,
    /// The generation of every assigned partition.
    generations: Mutex<HashMap<TopicPartition, u64>>,
    last_generation: AtomicU64,
    stopping: AtomicBool,
}

impl GroupContext {
    pub(crate) fn new(
        settings: &KafkaSettings,
        name: &str,
        events: mpsc::Sender<TransportEvent>,
        commands: std_mpsc::Receiver<ConsumerCommand>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            settings: settings.clone(),
            events,
            commands: Mutex::new(commands),
            generations: Mutex::default(),
            last_generation: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        }
    }

    pub(crate) fn events(&self) -> &mpsc::Sender<TransportEvent> {
        &self.events
    }

    pub(crate) fn parse_topic(&self, name: &str) -> Option<Topic> {
        self.settings.parse_topic(name)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Returns the current assignment of a partition, if it is assigned.
    pub(crate) fn assignment(&self, topic_partition: TopicPartition) -> Option<Assignment> {
        let generation = *lock(&self.generations).get(&topic_partition)?;
        Some(Assignment { topic_partition, generation })
    }

    /// Applies the commands the engine has sent so far.
    pub(crate) fn apply_commands(&self, consumer: &BaseConsumer<Self>) {
        let commands = lock(&self.commands);
        loop {
            match commands.try_recv() {
                Ok(ConsumerCommand::Settled(assignment, offset)) if self.is_current(assignment) => {
                    let TopicPartition { topic, partition } = assignment.topic_partition;
                    // librdkafka stores the offset after this one.
                    let stored =
                        consumer.store_offset(&self.settings.topic_name(topic), partition, offset);
                    self.log_failure("storing an offset", stored);
                }
                Ok(ConsumerCommand::Pause(assignment)) if self.is_current(assignment) => {
                    let paused = consumer.pause(&self.partition_list(assignment));
                    self.log_failure("pausing a partition", paused);
                }
                Ok(ConsumerCommand::Resume(assignment)) if self.is_current(assignment) => {
                    let resumed = consumer.resume(&self.partition_list(assignment));
                    self.log_failure("resuming a partition", resumed);
                }
                // Sent before a revoke: another member reads the partition now.
                Ok(
                    ConsumerCommand::Settled(..)
                    | ConsumerCommand::Pause(_)
                    | ConsumerCommand::Resume(_),
                ) => {}
                Ok(ConsumerCommand::Stop) | Err(std_mpsc::TryRecvError::Disconnected) => {
                    self.stopping.store(true, Ordering::Relaxed);
                    return;
                }
                Err(std_mpsc::TryRecvError::Empty) => return,
            }
        }
    }

    fn is_current(&self, assignment: Assignment) -> bool {
        self.assignment(assignment.topic_partition) == Some(assignment)
    }

    fn partition_list(&self, assignment: Assignment) -> TopicPartitionList {
        let TopicPartition { topic, partition } = assignment.topic_partition;
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.settings.topic_name(topic), partition);
        list
    }

    fn parse_partitions(&self, list: &TopicPartitionList) -> Vec<TopicPartition> {
        let elements = list.elements();
        let partitions = elements.iter().filter_map(|element| {
            let topic = self.settings.parse_topic(element.topic())?;
            Some(TopicPartition { topic, partition: element.partition() })
        });
        partitions.collect()
    }

    /// Waits until the engine has finished the running records of these partitions, and stores their offsets.
    fn drain_revoked(&self, consumer: &BaseConsumer<Self>, partitions: &[TopicPartition]) {
        let assignments =
            partitions.iter().filter_map(|partition| self.assignment(*partition)).collect();
        let (drained, done) = std_mpsc::sync_channel(1);
        if !self.is_stopping()
            && self.events.blocking_send(TransportEvent::Revoked { assignments, drained }).is_ok()
            && done.recv_timeout(REVOKE_TIMEOUT + REVOKE_GRACE).is_err()
        {
            tracing::warn!(
                group = self.name,
                "revoked partitions were not drained in time; their records will be delivered again"
            );
        }
        // librdkafka commits the stored offsets when it releases the partitions.
        self.apply_commands(consumer);
        lock(&self.generations).retain(|partition, _| !partitions.contains(partition));
    }

    fn log_failure(&self, operation: &str, result: KafkaResult<()>) {
        if let Err(error) = result {
            outage::log_error(&self.name, &error, operation);
        }
    }
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        outage::log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        outage::log_error(&self.name, &error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        for (name, topic) in &statistics.topics {
            let Some(topic_name) = self.parse_topic(name).map(Topic::name) else { continue };
            // -1: not assigned, or not known yet.
            let lag: i64 =
                topic.partitions.values().map(|partition| partition.consumer_lag.max(0)).sum();
            gauge!("bus_lag", "group" => self.name.clone(), "topic" => topic_name).set(lag as f64);
        }
    }
}

impl ConsumerContext for GroupContext {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(list) => self.drain_revoked(consumer, &self.parse_partitions(list)),
            Rebalance::Assign(_) => {}
            Rebalance::Error(error) => {
                tracing::warn!(group = self.name, %error, "a rebalance failed");
            }
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            let generation = self.last_generation.fetch_add(1, Ordering::Relaxed) + 1;
            let partitions = self.parse_partitions(list);
            let count = partitions.len();
            tracing::debug!(group = self.name, count, generation, "partitions were assigned");
            lock(&self.generations).extend(partitions.into_iter().map(|key| (key, generation)));
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result {
            Ok(()) | Err(KafkaError::ConsumerCommit(Code::NoOffset)) => {}
            // The session ended meanwhile: whoever has the partitions now reads those records again.
            Err(KafkaError::ConsumerCommit(
                code
                @ (Code::UnknownMemberId | Code::IllegalGeneration | Code::RebalanceInProgress),
            )) => tracing::debug!(group = self.name, ?code, "offsets were not committed"),
            Err(error) => {
                // The next commit includes them.
                outage::log_error(&self.name, &error, "offsets could not be committed");
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

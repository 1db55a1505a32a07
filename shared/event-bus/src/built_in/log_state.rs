//! State shared in memory by the writer and the readers of the built-in log.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contracts::Topic;
use tokio::sync::Notify;

use crate::record::TopicPartition;

/// The next offset to handle, by group and partition.
pub(crate) type GroupOffsets = HashMap<(Arc<str>, TopicPartition), i64>;

/// Heads, settled offsets and registered readers. Its locks are held for a few instructions only, never
/// across an `.await`.
#[derive(Debug, Default)]
pub(crate) struct LogState {
    /// The next offset of every partition.
    heads: Mutex<HashMap<Topic, Vec<i64>>>,
    /// Settled offsets that are not written yet.
    settled: Mutex<GroupOffsets>,
    /// Notifies the writer of settled offsets.
    pub(crate) settled_signal: Notify,
    listeners: Mutex<Vec<Listener>>,
    groups: Mutex<HashSet<String>>,
}

#[derive(Debug)]
struct Listener {
    topics: Vec<Topic>,
    wake: Arc<Notify>,
}

impl LogState {
    /// Returns the number of partitions of a topic, if it exists.
    pub(crate) fn partition_count(&self, topic: Topic) -> Option<i32> {
        lock(&self.heads).get(&topic).map(|heads| heads.len() as i32)
    }

    /// Returns the next offset of a partition.
    pub(crate) fn head(&self, topic_partition: TopicPartition) -> i64 {
        let heads = lock(&self.heads);
        heads
            .get(&topic_partition.topic)
            .and_then(|heads| heads.get(topic_partition.partition as usize))
            .copied()
            .unwrap_or(0)
    }

    /// Replaces the heads and wakes the readers of the changed topics.
    pub(crate) fn update_heads(&self, heads: &HashMap<Topic, Vec<i64>>, changed: &HashSet<Topic>) {
        lock(&self.heads).clone_from(heads);
        for listener in lock(&self.listeners)
            .iter()
            .filter(|listener| listener.topics.iter().any(|topic| changed.contains(topic)))
        {
            listener.wake.notify_one();
        }
    }

    /// Records the next offset a group has to handle.
    pub(crate) fn settle(&self, group: &Arc<str>, topic_partition: TopicPartition, next: i64) {
        lock(&self.settled).insert((Arc::clone(group), topic_partition), next);
        self.settled_signal.notify_one();
    }

    /// Takes the settled offsets that are not written yet.
    pub(crate) fn take_settled(&self) -> GroupOffsets {
        std::mem::take(&mut *lock(&self.settled))
    }

    /// Puts back offsets that could not be written, unless there are newer ones.
    pub(crate) fn restore_settled(&self, offsets: GroupOffsets) {
        let mut settled = lock(&self.settled);
        for (reader, next) in offsets {
            settled.entry(reader).or_insert(next);
        }
        self.settled_signal.notify_one();
    }

    /// Returns true if a group reads now.
    pub(crate) fn is_reading(&self, group: &str) -> bool {
        lock(&self.groups).contains(group)
    }

    /// Registers a group, which is woken when one of its topics grows. None if it reads already.
    pub(crate) fn register_reader(
        self: &Arc<Self>,
        group: &str,
        topics: &[Topic],
    ) -> Option<ReaderRegistration> {
        if !lock(&self.groups).insert(group.to_owned()) {
            return None;
        }
        let wake = Arc::new(Notify::new());
        lock(&self.listeners).push(Listener { topics: topics.to_vec(), wake: Arc::clone(&wake) });
        Some(ReaderRegistration { state: Arc::clone(self), group: group.to_owned(), wake })
    }
}

/// The registration of a group that reads; dropping it removes it.
#[derive(Debug)]
pub(crate) struct ReaderRegistration {
    state: Arc<LogState>,
    group: String,
    pub(crate) wake: Arc<Notify>,
}

impl Drop for ReaderRegistration {
    fn drop(&mut self) {
        lock(&self.state.listeners).retain(|listener| !Arc::ptr_eq(&listener.wake, &self.wake));
        lock(&self.state.groups).remove(&self.group);
    }
}

/// Locks a map, also after a panic: each change is a single call, so the maps stay consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

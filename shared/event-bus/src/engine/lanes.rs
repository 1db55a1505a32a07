//! Scheduling: a queue per key, so that order holds within a key and no key delays another.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use contracts::Topic;
use tokio::time::Instant;

use super::Assignment;
use crate::Record;
use crate::record::TopicPartition;

/// The scope within which order is kept: a record key of a partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LaneKey {
    topic_partition: TopicPartition,
    key: Arc<str>,
}

impl LaneKey {
    /// The key that sorts before all others.
    fn first() -> Self {
        let topic_partition = TopicPartition { topic: Topic::StravaEvents, partition: i32::MIN };
        Self { topic_partition, key: Arc::from("") }
    }
}

/// A delivered record that is not settled, with the history of its attempts.
#[derive(Debug)]
pub(crate) struct QueuedRecord {
    pub(crate) assignment: Assignment,
    pub(crate) record: Arc<Record>,
    /// Attempts that failed.
    pub(crate) failures: u32,
    /// Consecutive attempts that met an unavailable dependency.
    pub(crate) outages: u32,
    /// Set once the record is to be parked: its next attempt does that.
    pub(crate) parking_reason: Option<String>,
}

impl QueuedRecord {
    pub(crate) fn new(assignment: Assignment, record: Record) -> Self {
        let record = Arc::new(record);
        Self { assignment, record, failures: 0, outages: 0, parking_reason: None }
    }

    fn lane_key(&self) -> LaneKey {
        LaneKey {
            topic_partition: self.assignment.topic_partition,
            key: Arc::from(self.record.key.as_str()),
        }
    }
}

/// A pause of a lane before the next attempt at its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backoff {
    pub(crate) until: Instant,
    /// True if the record waits for an unavailable dependency; `wake_early` then shortens the pause.
    pub(crate) unavailable: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum LaneState {
    Ready,
    Running,
    BackingOff(Backoff),
}

#[derive(Debug)]
struct Lane {
    queue: VecDeque<QueuedRecord>,
    state: LaneState,
}

/// The queues of all keys. At most `max_running` of them run at once, and never two records of one key.
#[derive(Debug)]
pub(crate) struct Lanes {
    max_running: usize,
    running: usize,
    by_key: HashMap<LaneKey, Lane>,
    ready: VecDeque<LaneKey>,
    backing_off: BTreeSet<(Instant, LaneKey)>,
}

impl Lanes {
    pub(crate) fn new(max_running: usize) -> Self {
        Self {
            max_running,
            running: 0,
            by_key: HashMap::new(),
            ready: VecDeque::new(),
            backing_off: BTreeSet::new(),
        }
    }

    /// Appends a record to the queue of its key.
    pub(crate) fn push(&mut self, queued: QueuedRecord) {
        let key = queued.lane_key();
        let lane = self.by_key.entry(key.clone()).or_insert_with(|| {
            self.ready.push_back(key);
            Lane { queue: VecDeque::new(), state: LaneState::Ready }
        });
        lane.queue.push_back(queued);
    }

    /// Returns the next record to try, if there is one and a lane is free. It counts as running until
    /// `finish` or `back_off`.
    pub(crate) fn take_next(&mut self) -> Option<(LaneKey, QueuedRecord)> {
        if self.running >= self.max_running {
            return None;
        }
        while let Some(key) = self.ready.pop_front() {
            let Some(lane) =
                self.by_key.get_mut(&key).filter(|lane| lane.state == LaneState::Ready)
            else {
                continue;
            };
            let Some(queued) = lane.queue.pop_front() else { continue };
            lane.state = LaneState::Running;
            self.running += 1;
            return Some((key, queued));
        }
        None
    }

    /// Removes the running record of a key.
    pub(crate) fn finish(&mut self, key: &LaneKey) {
        self.running = self.running.saturating_sub(1);
        self.requeue_or_remove(key);
    }

    /// Returns the running record of a key to the front of its queue and pauses the lane.
    pub(crate) fn back_off(&mut self, key: LaneKey, queued: QueuedRecord, backoff: Backoff) {
        self.running = self.running.saturating_sub(1);
        let lane = self
            .by_key
            .entry(key.clone())
            .or_insert_with(|| Lane { queue: VecDeque::new(), state: LaneState::Ready });
        lane.queue.push_front(queued);
        lane.state = LaneState::BackingOff(backoff);
        self.backing_off.insert((backoff.until, key));
    }

    /// The end of the next back-off.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.backing_off.first().map(|(until, _)| *until)
    }

    /// Ends the back-offs that are due.
    pub(crate) fn wake_due(&mut self, now: Instant) {
        while let Some((until, key)) = self.backing_off.pop_first() {
            if until > now {
                self.backing_off.insert((until, key));
                return;
            }
            let is_due = |lane: &Lane| matches!(lane.state, LaneState::BackingOff(backoff) if backoff.until == until);
            if self.by_key.get(&key).is_some_and(is_due) {
                self.requeue_or_remove(&key);
            }
        }
    }

    /// Shortens the back-off of records that wait for a dependency to `latest`. It does not end at
    /// once: a dependency that is unavailable for one key alone must not be tried as often as all others succeed.
    pub(crate) fn wake_early(&mut self, latest: Instant) {
        let later = self.backing_off.split_off(&(latest, LaneKey::first()));
        for (until, key) in later {
            let until = match self.by_key.get_mut(&key).map(|lane| &mut lane.state) {
                Some(LaneState::BackingOff(backoff))
                    if backoff.unavailable && backoff.until == until =>
                {
                    backoff.until = latest;
                    latest
                }
                _ => until,
            };
            self.backing_off.insert((until, key));
        }
    }

    /// Drops the queued records of matching assignments; running records are not affected.
    pub(crate) fn discard_queued(&mut self, matches: impl Fn(&Assignment) -> bool) {
        let mut changed = Vec::new();
        for (key, lane) in &mut self.by_key {
            let before = lane.queue.len();
            lane.queue.retain(|queued| !matches(&queued.assignment));
            if lane.queue.len() != before && lane.state != LaneState::Running {
                changed.push(key.clone());
            }
        }
        for key in changed {
            self.requeue_or_remove(&key);
        }
    }

    fn requeue_or_remove(&mut self, key: &LaneKey) {
        let Some(lane) = self.by_key.get_mut(key) else { return };
        if lane.queue.is_empty() {
            self.by_key.remove(key);
        } else {
            lane.state = LaneState::Ready;
            self.ready.push_back(key.clone());
        }
    }
}

#[cfg(test)]
mod tests;

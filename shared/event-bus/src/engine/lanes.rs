//! Who is next: a queue per key, so that order holds within a key and no key holds up another.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use contracts::Topic;
use tokio::time::Instant;

use super::Assigned;
use crate::Record;

/// What order is kept within.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(Topic, i32, Arc<str>);

impl Key {
    /// No key sorts before it.
    fn first() -> Self {
        Self(Topic::StravaEvents, i32::MIN, Arc::from(""))
    }
}

/// A record in hand, and what was tried with it.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) from: Assigned,
    pub(crate) record: Arc<Record>,
    pub(crate) failures: u32,
    pub(crate) away: u32,
    pub(crate) park_for: Option<String>,
}

impl Item {
    pub(crate) fn new(from: Assigned, record: Record) -> Self {
        Self { from, record: Arc::new(record), failures: 0, away: 0, park_for: None }
    }

    pub(crate) fn key(&self) -> Key {
        Key(self.record.topic, self.record.partition, Arc::from(self.record.key.as_str()))
    }
}

/// When an item that goes back to its place may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rest {
    pub(crate) until: Instant,
    /// Whether it waits for something that is away; then `hurry` ends the rest.
    pub(crate) away: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Ready,
    Running,
    Resting(Rest),
}

#[derive(Debug)]
struct Lane {
    waiting: VecDeque<Item>,
    state: State,
}

/// The queues of all keys; at most `most` of them run at once, and never two items of one key.
#[derive(Debug)]
pub(crate) struct Lanes {
    most: usize,
    running: usize,
    keys: HashMap<Key, Lane>,
    ready: VecDeque<Key>,
    resting: BTreeSet<(Instant, Key)>,
}

impl Lanes {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            running: 0,
            keys: HashMap::new(),
            ready: VecDeque::new(),
            resting: BTreeSet::new(),
        }
    }

    /// Puts an item behind all others of its key.
    pub(crate) fn push(&mut self, item: Item) {
        let key = item.key();
        let lane = self.keys.entry(key.clone()).or_insert_with(|| {
            self.ready.push_back(key);
            Lane { waiting: VecDeque::new(), state: State::Ready }
        });
        lane.waiting.push_back(item);
    }

    /// The next item to try, if there is one and a lane is free. It runs until `finish` or `rest`.
    pub(crate) fn take(&mut self) -> Option<(Key, Item)> {
        if self.running >= self.most {
            return None;
        }
        while let Some(key) = self.ready.pop_front() {
            let Some(lane) = self.keys.get_mut(&key).filter(|lane| lane.state == State::Ready)
            else {
                continue;
            };
            let Some(item) = lane.waiting.pop_front() else { continue };
            lane.state = State::Running;
            self.running += 1;
            return Some((key, item));
        }
        None
    }

    /// The key's running item is done with.
    pub(crate) fn finish(&mut self, key: &Key) {
        self.running = self.running.saturating_sub(1);
        self.ready_or_gone(key);
    }

    /// The key's running item goes back to the head of its queue, and the key rests.
    pub(crate) fn rest(&mut self, key: Key, item: Item, rest: Rest) {
        self.running = self.running.saturating_sub(1);
        let lane = self
            .keys
            .entry(key.clone())
            .or_insert_with(|| Lane { waiting: VecDeque::new(), state: State::Ready });
        lane.waiting.push_front(item);
        lane.state = State::Resting(rest);
        self.resting.insert((rest.until, key));
    }

    /// When the next rest ends.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.resting.first().map(|(until, _)| *until)
    }

    /// Ends the rests that are over.
    pub(crate) fn wake(&mut self, now: Instant) {
        while let Some((until, key)) = self.resting.pop_first() {
            if until > now {
                self.resting.insert((until, key));
                return;
            }
            let over =
                |lane: &Lane| matches!(lane.state, State::Resting(rest) if rest.until == until);
            if self.keys.get(&key).is_some_and(over) {
                self.ready_or_gone(&key);
            }
        }
    }

    /// What was away is back: whoever waits for it waits until then at the latest. Not less, for what is
    /// away for one key alone must not be tried as often as all others succeed.
    pub(crate) fn hurry(&mut self, then: Instant) {
        let late = self.resting.split_off(&(then, Key::first()));
        for (until, key) in late {
            let until = match self.keys.get_mut(&key).map(|lane| &mut lane.state) {
                Some(State::Resting(rest)) if rest.away && rest.until == until => {
                    rest.until = then;
                    then
                }
                _ => until,
            };
            self.resting.insert((until, key));
        }
    }

    /// Drops what waits of these partitions; what runs goes on.
    pub(crate) fn forget(&mut self, gone: impl Fn(&Assigned) -> bool) {
        let mut touched = Vec::new();
        for (key, lane) in &mut self.keys {
            let before = lane.waiting.len();
            lane.waiting.retain(|item| !gone(&item.from));
            if lane.waiting.len() != before && lane.state != State::Running {
                touched.push(key.clone());
            }
        }
        for key in touched {
            self.ready_or_gone(&key);
        }
    }

    fn ready_or_gone(&mut self, key: &Key) {
        let Some(lane) = self.keys.get_mut(key) else { return };
        if lane.waiting.is_empty() {
            self.keys.remove(key);
        } else {
            lane.state = State::Ready;
            self.ready.push_back(key.clone());
        }
    }
}

#[cfg(test)]
mod tests;

//! What writer and readers of the built-in log share in memory: heads, positions, and who waits for what.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contracts::Topic;
use tokio::sync::Notify;

/// A partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) topic: Topic,
    pub(crate) partition: i32,
}

/// A group's position in a partition: the next offset to handle.
pub(crate) type Positions = HashMap<(Arc<str>, Place), i64>;

/// The shared state. Its locks are held for a few instructions only, never across an `.await`.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// The next offset of every partition.
    heads: Mutex<HashMap<Topic, Vec<i64>>>,
    /// Positions that are not written yet.
    settled: Mutex<Positions>,
    /// Tells the writer that there are such.
    pub(crate) unwritten: Notify,
    listeners: Mutex<Vec<Listener>>,
    groups: Mutex<HashSet<String>>,
}

#[derive(Debug)]
struct Listener {
    topics: Vec<Topic>,
    wake: Arc<Notify>,
}

impl Shelf {
    /// How many partitions a topic has, if it exists.
    pub(crate) fn partitions(&self, topic: Topic) -> Option<i32> {
        locked(&self.heads).get(&topic).map(|heads| heads.len() as i32)
    }

    pub(crate) fn head(&self, place: Place) -> i64 {
        let heads = locked(&self.heads);
        heads
            .get(&place.topic)
            .and_then(|heads| heads.get(place.partition as usize))
            .copied()
            .unwrap_or(0)
    }

    /// Replaces the heads and wakes whoever reads one of these topics.
    pub(crate) fn advance(&self, heads: &HashMap<Topic, Vec<i64>>, touched: &HashSet<Topic>) {
        locked(&self.heads).clone_from(heads);
        for listener in locked(&self.listeners)
            .iter()
            .filter(|one| one.topics.iter().any(|of| touched.contains(of)))
        {
            listener.wake.notify_one();
        }
    }

    /// Notes how far a group has come.
    pub(crate) fn settle(&self, group: &Arc<str>, place: Place, next: i64) {
        locked(&self.settled).insert((Arc::clone(group), place), next);
        self.unwritten.notify_one();
    }

    /// Takes what is to be written.
    pub(crate) fn take_settled(&self) -> Positions {
        std::mem::take(&mut *locked(&self.settled))
    }

    /// Gives back what could not be written, unless there is newer.
    pub(crate) fn give_back(&self, positions: Positions) {
        let mut settled = locked(&self.settled);
        for (of, next) in positions {
            settled.entry(of).or_insert(next);
        }
        self.unwritten.notify_one();
    }

    /// Whether a group reads now.
    pub(crate) fn reads(&self, group: &str) -> bool {
        locked(&self.groups).contains(group)
    }

    /// Signs a group in: it is woken when one of its topics grows. None when it reads already.
    pub(crate) fn listen(self: &Arc<Self>, group: &str, topics: &[Topic]) -> Option<Reading> {
        if !locked(&self.groups).insert(group.to_owned()) {
            return None;
        }
        let wake = Arc::new(Notify::new());
        locked(&self.listeners).push(Listener { topics: topics.to_vec(), wake: Arc::clone(&wake) });
        Some(Reading { shelf: Arc::clone(self), group: group.to_owned(), wake })
    }
}

/// A group that reads; it signs out when dropped.
#[derive(Debug)]
pub(crate) struct Reading {
    shelf: Arc<Shelf>,
    group: String,
    pub(crate) wake: Arc<Notify>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        locked(&self.shelf.listeners).retain(|listener| !Arc::ptr_eq(&listener.wake, &self.wake));
        locked(&self.shelf.groups).remove(&self.group);
    }
}

/// A panic while a lock was held leaves these maps whole: each change is a single call.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

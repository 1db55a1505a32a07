//! The bell that wakes whoever works off what transactions leave behind, without polling.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// A transaction is over by then, whatever locks it waited for.
const LONGEST: Duration = Duration::from_secs(15);

/// Rings when work was asked for, and again at every commit soon after: whoever asks stands within a
/// transaction, and what it asks for cannot be seen before the commit.
#[derive(Debug)]
pub struct Bell {
    listeners: Mutex<Vec<Weak<Notify>>>,
    made: Instant,
    asked_ms: AtomicU64,
}

impl Default for Bell {
    fn default() -> Self {
        Self { listeners: Mutex::default(), made: Instant::now(), asked_ms: AtomicU64::new(0) }
    }
}

impl Bell {
    /// Hears every ring from now on, until it is dropped. Each group of workers has its own, so that
    /// a ring never wakes only those who have no use for it.
    pub fn listen(&self) -> Arc<Notify> {
        let listener = Arc::new(Notify::new());
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|other| other.strong_count() > 0);
        listeners.push(Arc::downgrade(&listener));
        listener
    }

    /// Work was asked for, perhaps within a transaction that is still open.
    pub fn asked(&self) {
        self.asked_ms.store(self.since_made(), Ordering::Release);
        self.notify_one();
    }

    /// Wakes one worker of each group.
    pub fn notify_one(&self) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            listener.notify_one();
        }
    }

    /// A transaction was committed.
    pub(crate) fn committed(&self) {
        let asked = self.asked_ms.load(Ordering::Acquire);
        if asked != 0 && self.since_made().saturating_sub(asked) <= LONGEST.as_millis() as u64 {
            self.notify_one();
        }
    }

    /// Never 0, which stands for "nothing was ever asked for".
    fn since_made(&self) -> u64 {
        self.made.elapsed().as_millis() as u64 + 1
    }
}

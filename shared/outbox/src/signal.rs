//! A wake-up call with any number of subscribers.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

/// Wakes one waiter of each subscriber, so that a call never wakes only those who have no use for it.
#[derive(Debug, Default)]
pub struct Signal {
    subscribers: Mutex<Vec<Weak<Notify>>>,
}

impl Signal {
    /// A subscriber: notified by every call from now on, until it is dropped.
    pub fn subscribe(&self) -> Arc<Notify> {
        let subscriber = Arc::new(Notify::new());
        let mut subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        subscribers.retain(|other| other.strong_count() > 0);
        subscribers.push(Arc::downgrade(&subscriber));
        subscriber
    }

    /// Wakes one waiter of each subscriber.
    pub fn notify(&self) {
        let subscribers = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        for subscriber in subscribers.iter().filter_map(Weak::upgrade) {
            subscriber.notify_one();
        }
    }
}

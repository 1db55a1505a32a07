//! Health of a pool's connections: those on which something failed in an unknown way are not reused.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Instant of the last unknown failure of a pool, shared by its transactions and its `before_acquire`.
///
/// After a full disk, an I/O error or a lost server nobody knows if a transaction is still open on the
/// connection. The driver's own count may say so for ever: then every later BEGIN is a savepoint in a
/// transaction that never ends, and commits are lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionHealth(Arc<Mutex<Option<Instant>>>);

impl ConnectionHealth {
    /// Makes the pool close every connection that is open now instead of reusing it.
    pub(crate) fn report_failure(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        tracing::warn!("a statement failed in an unknown way; its connection is closed");
    }

    /// True if a connection of this age was opened after the last failure.
    pub(crate) fn accepts(&self, age: Duration) -> bool {
        let last_failure = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last_failure.is_none_or(|at| age < at.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_older_than_the_last_failure_is_not_accepted() {
        let health = ConnectionHealth::default();
        assert!(health.accepts(Duration::from_secs(100)));
        health.report_failure();
        assert!(!health.accepts(Duration::from_secs(100)));
        std::thread::sleep(Duration::from_millis(2));
        assert!(health.accepts(Duration::from_millis(1)));
    }
}

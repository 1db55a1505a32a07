//! Health of a pool's connections: those on which something failed in an unknown way are not reused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Instants of the last unknown failure and of the last commit of a pool, shared by its transactions and
/// its `before_acquire`.
///
/// After a full disk, an I/O error or a lost server nobody knows if a transaction is still open on the
/// connection. The driver's own count may say so for ever: then every later BEGIN is a savepoint in a
/// transaction that never ends, and commits are lost.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionHealth(Arc<Mutex<Instants>>);

#[derive(Debug, Default)]
struct Instants {
    failed: Option<Instant>,
    /// None after a failure: what was possible before it proves nothing.
    committed: Option<Instant>,
}

impl ConnectionHealth {
    /// Makes the pool close every connection that is open now instead of reusing it.
    pub(crate) fn report_failure(&self) {
        *self.lock() = Instants { failed: Some(Instant::now()), committed: None };
        tracing::warn!("a statement failed in an unknown way; its connection is closed");
    }

    /// True if a connection of this age was opened after the last failure.
    pub(crate) fn accepts(&self, age: Duration) -> bool {
        self.lock().failed.is_none_or(|at| age < at.elapsed())
    }

    /// Reports that no connection was to be had: a failure that says nothing about the connections.
    pub(crate) fn report_unavailable(&self) {
        self.lock().committed = None;
    }

    pub(crate) fn report_commit(&self) {
        self.lock().committed = Some(Instant::now());
    }

    /// True if a commit succeeded within this time and nothing has failed since.
    pub(crate) fn committed_within(&self, time: Duration) -> bool {
        self.lock().committed.is_some_and(|at| at.elapsed() < time)
    }

    fn lock(&self) -> MutexGuard<'_, Instants> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn a_commit_proves_something_until_a_failure() {
        let health = ConnectionHealth::default();
        let minute = Duration::from_mins(1);
        assert!(!health.committed_within(minute));
        for report in [ConnectionHealth::report_failure, ConnectionHealth::report_unavailable] {
            health.report_commit();
            assert!(health.committed_within(minute));
            assert!(!health.committed_within(Duration::ZERO));
            report(&health);
            assert!(!health.committed_within(minute));
        }
    }
}

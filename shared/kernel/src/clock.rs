//! Time is borrowed, never taken: whoever needs the hour asks the clock it was given.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The instant it is now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock, shifted by a fixed offset (a test-only option, so that expiry and
/// rate-limit windows agree with a simulator whose clock was moved).
#[derive(Debug, Default)]
pub struct SystemClock {
    offset_us: AtomicI64,
}

impl SystemClock {
    /// The machine's clock as it is.
    pub const fn new() -> Self {
        Self { offset_us: AtomicI64::new(0) }
    }

    /// The machine's clock, this many seconds ahead (or behind, when negative).
    pub const fn with_offset(seconds: i64) -> Self {
        Self { offset_us: AtomicI64::new(seconds.saturating_mul(1_000_000)) }
    }

    /// Shifts the clock to this many seconds ahead of the machine's.
    pub fn set_offset(&self, seconds: i64) {
        self.offset_us.store(seconds.saturating_mul(1_000_000), Ordering::Relaxed);
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        let micros = chrono::Utc::now().timestamp_micros();
        Timestamp::from_micros(micros.saturating_add(self.offset_us.load(Ordering::Relaxed)))
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that says `at`.
    pub const fn at(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.as_micros()))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Sets the clock.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

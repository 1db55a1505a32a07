//! Clocks. Code that needs the time is given one, so that tests can set it.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::Timestamp;

/// A source of the current time.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// Returns the current instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock plus an offset. The offset is for tests: it makes expiry and rate-limit windows
/// agree with a simulator whose clock was moved.
#[derive(Debug, Default)]
pub struct SystemClock {
    offset_us: AtomicI64,
}

impl SystemClock {
    /// Creates a clock without an offset.
    pub const fn new() -> Self {
        Self { offset_us: AtomicI64::new(0) }
    }

    /// Creates a clock this many seconds ahead of the machine's (behind it, if negative).
    pub const fn with_offset(seconds: i64) -> Self {
        Self { offset_us: AtomicI64::new(seconds.saturating_mul(1_000_000)) }
    }

    /// Sets the offset in seconds.
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
    /// Creates a clock that stands at this instant.
    pub const fn at(instant: Timestamp) -> Self {
        Self(AtomicI64::new(instant.as_micros()))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Sets the clock.
    pub fn set(&self, instant: Timestamp) {
        self.0.store(instant.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

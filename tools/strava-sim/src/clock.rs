//! The simulator's clock: system time plus an offset that an admin call can move.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// System time plus an offset.
#[derive(Debug, Default)]
pub(crate) struct SimClock {
    offset_ms: AtomicI64,
}

impl SimClock {
    /// Milliseconds since 1970 on the simulator's clock.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the simulator's own clock; it does not use Paceline's"
    )]
    pub(crate) fn now_ms(&self) -> i64 {
        let system_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_millis() as i64);
        system_ms + self.offset_ms.load(Ordering::SeqCst)
    }

    /// Seconds since 1970 on the simulator's clock.
    pub(crate) fn now_s(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    /// Seconds ahead of system time.
    pub(crate) fn offset_s(&self) -> i64 {
        self.offset_ms.load(Ordering::SeqCst) / 1000
    }

    /// Sets the offset.
    pub(crate) fn set_offset_s(&self, offset_s: i64) {
        self.offset_ms.store(offset_s * 1000, Ordering::SeqCst);
    }

    /// Moves the clock by a number of seconds.
    pub(crate) fn advance_s(&self, seconds: i64) {
        self.offset_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

//! Rate limits: an overall and a read bucket, each with a quarter-hour and a daily window.

use crate::options::Limits;

/// Calls of an application in the current windows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RateLimitUsage {
    quarter: i64,
    day: i64,
    overall: [u32; 2],
    read: [u32; 2],
}

/// Limits and usage as one call finds them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimitCheck {
    pub(crate) limits: Limits,
    pub(crate) overall: [u32; 2],
    /// `None` on a write: the header then is a bare comma.
    pub(crate) read: Option<[u32; 2]>,
    /// The bucket whose limit is exceeded.
    pub(crate) exceeded: Option<&'static str>,
}

impl RateLimitUsage {
    /// Counts a call; refused calls count too.
    pub(crate) fn count_call(&mut self, limits: Limits, now_s: i64, write: bool) -> RateLimitCheck {
        let (quarter, day) = (now_s.div_euclid(900), now_s.div_euclid(86_400));
        if quarter != self.quarter {
            self.quarter = quarter;
            self.overall[0] = 0;
            self.read[0] = 0;
        }
        if day != self.day {
            self.day = day;
            self.overall[1] = 0;
            self.read[1] = 0;
        }
        self.overall = self.overall.map(|used| used.saturating_add(1));
        if !write {
            self.read = self.read.map(|used| used.saturating_add(1));
        }
        let read_exceeded =
            !write && (self.read[0] > limits.read_15min || self.read[1] > limits.read_day);
        let overall_exceeded =
            self.overall[0] > limits.overall_15min || self.overall[1] > limits.overall_day;
        RateLimitCheck {
            limits,
            overall: self.overall,
            read: (!write).then_some(self.read),
            exceeded: match (overall_exceeded, read_exceeded) {
                (true, _) => Some("overall rate limit"),
                (false, true) => Some("read rate limit"),
                _ => None,
            },
        }
    }
}

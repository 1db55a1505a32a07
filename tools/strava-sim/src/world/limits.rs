//! Rate limits: two buckets, each with a quarter-hour and a daily window.

use crate::options::Limits;

/// What an application has used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    quarter: i64,
    day: i64,
    overall: [u32; 2],
    read: [u32; 2],
}

/// What one call finds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub(crate) limits: Limits,
    pub(crate) overall: [u32; 2],
    /// `None` on a write: the header then is a bare comma.
    pub(crate) read: Option<[u32; 2]>,
    /// The bucket that is over.
    pub(crate) over: Option<&'static str>,
}

impl Usage {
    /// Counts a call; refused calls count too.
    pub(crate) fn count(&mut self, limits: Limits, now_s: i64, write: bool) -> Verdict {
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
        let over_read =
            !write && (self.read[0] > limits.read_15min || self.read[1] > limits.read_day);
        let over_all =
            self.overall[0] > limits.overall_15min || self.overall[1] > limits.overall_day;
        Verdict {
            limits,
            overall: self.overall,
            read: (!write).then_some(self.read),
            over: match (over_all, over_read) {
                (true, _) => Some("overall rate limit"),
                (false, true) => Some("read rate limit"),
                _ => None,
            },
        }
    }
}

//! The call budget of one Strava application: two buckets, two windows each, a share per purpose.
//!
//! The usage of a window is the highest figure Strava gave for it, plus the calls since then that
//! came without a figure, plus every lease not reported yet. A purpose may fill a window up to its
//! ceiling only: the rest is kept for the more urgent ones.

use std::time::Duration;

use kernel::{ApplicationId, Timestamp};
use strava_client::lease::Purpose;
use strava_client::{RateLimits, WindowCounts};

/// Length of the short window in seconds.
const QUARTER: i64 = 15 * 60;
/// Length of the long window in seconds.
const DAY: i64 = 24 * 60 * 60;
/// Pause before asking again if only leases in flight stand in the way.
const IN_FLIGHT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Number of calls that count in both buckets, and of those that count overall only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallCount {
    pub(crate) reads: i64,
    pub(crate) writes: i64,
}

impl CallCount {
    pub(crate) const fn new(reads: i64, writes: i64) -> Self {
        Self { reads, writes }
    }

    const fn overall(self) -> i64 {
        self.reads.saturating_add(self.writes)
    }
}

impl std::iter::Sum for CallCount {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, count| {
            Self::new(sum.reads + count.reads, sum.writes + count.writes)
        })
    }
}

/// One figure per bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Buckets {
    pub(crate) overall: i64,
    pub(crate) read: i64,
}

impl Buckets {
    fn add(&mut self, calls: CallCount) {
        self.overall = self.overall.saturating_add(calls.overall());
        self.read = self.read.saturating_add(calls.reads);
    }
}

/// A window with its limits and the calls counted in it, by Strava or by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Start of the window.
    pub(crate) since: Timestamp,
    pub(crate) limit: Buckets,
    pub(crate) spent: Buckets,
}

/// The budget of one application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) application: ApplicationId,
    pub(crate) quarter: Window,
    pub(crate) day: Window,
    /// Strava said 429: nobody calls before this.
    pub(crate) blocked_until: Option<Timestamp>,
    /// Strava says the application is switched off, since then.
    pub(crate) inactive_since: Option<Timestamp>,
    /// Time at which one lease may find out if it still is.
    pub(crate) probe_at: Option<Timestamp>,
}

/// Calls that leases not reported yet may still make in the current windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct InFlightCalls {
    pub(crate) quarter: CallCount,
    pub(crate) day: CallCount,
}

/// Share of a window that a purpose may fill, in per cent; the rest is kept for the purposes above it.
pub(crate) const fn ceiling_percent(purpose: Purpose) -> i64 {
    match purpose {
        Purpose::Login => 100,
        Purpose::Live => 97,
        Purpose::Copy => 92,
        Purpose::Reconcile => 87,
        Purpose::Backfill => 80,
    }
}

impl Budget {
    /// The budget of an application before Strava gave any figures: the smallest there is.
    pub(crate) fn initial(application: ApplicationId, now: Timestamp) -> Self {
        let window = |length, overall, read| Window {
            since: window_start(now, length),
            limit: Buckets { overall, read },
            spent: Buckets::default(),
        };
        Self {
            application,
            quarter: window(QUARTER, 200, 100),
            day: window(DAY, 2000, 1000),
            blocked_until: None,
            inactive_since: None,
            probe_at: None,
        }
    }

    /// Begins new windows if their time has come. Windows never go back: if our clock lags behind
    /// Strava's, Strava's is right.
    pub(crate) fn roll_windows(&mut self, now: Timestamp) {
        self.quarter.roll(window_start(now, QUARTER));
        self.day.roll(window_start(now, DAY));
        if self.blocked_until.is_some_and(|until| until <= now) {
            self.blocked_until = None;
        }
    }

    pub(crate) fn quarter_ends(&self) -> Timestamp {
        self.quarter.since.plus(Duration::from_secs(QUARTER.unsigned_abs()))
    }

    pub(crate) fn day_ends(&self) -> Timestamp {
        self.day.since.plus(Duration::from_secs(DAY.unsigned_abs()))
    }

    /// Checks that this many calls fit; the error is the time to ask again.
    pub(crate) fn admits(
        &self,
        purpose: Purpose,
        wanted: CallCount,
        in_flight: InFlightCalls,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        if let Some(until) = self.blocked_until {
            return Err(until);
        }
        if !self.day.fits(purpose, wanted, CallCount::default()) {
            return Err(self.day_ends());
        }
        if !self.quarter.fits(purpose, wanted, CallCount::default()) {
            return Err(self.quarter_ends());
        }
        let fits = self.day.fits(purpose, wanted, in_flight.day)
            && self.quarter.fits(purpose, wanted, in_flight.quarter);
        if fits { Ok(()) } else { Err(now.plus(IN_FLIGHT_RETRY_DELAY).min(self.quarter_ends())) }
    }

    /// Returns true if an athlete who made `spent` calls in the quarter of an hour may make `wanted`
    /// more while `athletes` want some. A first lease is fair however many they are: were the share
    /// smaller than one request, nobody would ever get anything.
    pub(crate) fn is_fair(
        &self,
        purpose: Purpose,
        athletes: usize,
        spent: CallCount,
        wanted: CallCount,
    ) -> bool {
        let share = self.fair_share(purpose, athletes);
        spent.reads.saturating_add(wanted.reads) <= share.reads.max(wanted.reads)
            && spent.writes.saturating_add(wanted.writes) <= share.writes.max(wanted.writes)
    }

    /// Maximum number of calls of an athlete in a quarter of an hour while `athletes` want some.
    fn fair_share(&self, purpose: Purpose, athletes: usize) -> CallCount {
        let among = i64::try_from(athletes.max(1)).unwrap_or(i64::MAX);
        let share =
            |limit: i64| (limit.saturating_mul(ceiling_percent(purpose)) / 100 / among).max(1);
        CallCount::new(share(self.quarter.limit.read), share(self.quarter.limit.overall))
    }

    /// Counts calls that were made; `limits` are Strava's figures in its last answer, at `answered_at`.
    pub(crate) fn record_usage(
        &mut self,
        used: CallCount,
        limits: Option<&RateLimits>,
        answered_at: Timestamp,
    ) {
        let limits = limits.copied().unwrap_or_default();
        self.roll_windows(answered_at);
        // An answer from before the current window says nothing about it; that its calls count in
        // this one errs on the safe side, also where it is our clock that is ahead.
        let current = |since: Timestamp, length| {
            if window_start(answered_at, length) >= since { limits } else { RateLimits::default() }
        };
        let for_quarter = current(self.quarter.since, QUARTER);
        let for_day = current(self.day.since, DAY);
        self.quarter.record_usage(used, &for_quarter, |figures| figures.quarter);
        self.day.record_usage(used, &for_day, |figures| figures.day);
    }

    /// Blocks all calls until the full window ends: Strava answered 429.
    pub(crate) fn block_until_window_ends(&mut self) {
        let day_is_full = self.day.spent.overall >= self.day.limit.overall
            || self.day.spent.read >= self.day.limit.read;
        self.blocked_until = Some(if day_is_full { self.day_ends() } else { self.quarter_ends() });
    }
}

impl Window {
    fn roll(&mut self, since: Timestamp) {
        if since > self.since {
            self.since = since;
            self.spent = Buckets::default();
        }
    }

    /// Calls that the window still has room for; none is less than zero.
    pub(crate) fn left(&self, in_flight: CallCount) -> Buckets {
        let mut total = self.spent;
        total.add(in_flight);
        Buckets {
            overall: self.limit.overall.saturating_sub(total.overall).max(0),
            read: self.limit.read.saturating_sub(total.read).max(0),
        }
    }

    fn fits(&self, purpose: Purpose, wanted: CallCount, in_flight: CallCount) -> bool {
        let top = |limit: i64| limit.saturating_mul(ceiling_percent(purpose)) / 100;
        let mut total = self.spent;
        total.add(in_flight);
        total.add(wanted);
        let overall = wanted.overall() == 0 || total.overall <= top(self.limit.overall);
        let read = wanted.reads == 0 || total.read <= top(self.limit.read);
        overall && read
    }

    fn record_usage(
        &mut self,
        used: CallCount,
        limits: &RateLimits,
        of_window: impl Fn(&WindowCounts) -> Option<u32>,
    ) {
        let figure = |figures: &WindowCounts| of_window(figures).map(i64::from);
        if let Some(limit) = figure(&limits.overall_limit) {
            self.limit.overall = limit;
            // Where there is no read bucket (as in 2018), reads are bounded by the overall one.
            self.limit.read =
                figure(&limits.read_limit).unwrap_or_else(|| self.limit.read.min(limit));
        }
        if let Some(limit) = figure(&limits.read_limit) {
            self.limit.read = limit;
        }
        // Strava's figures include these calls; without figures they are added.
        self.spent.overall = match figure(&limits.overall_usage) {
            Some(usage) => self.spent.overall.max(usage),
            None => self.spent.overall.saturating_add(used.overall()),
        };
        self.spent.read = match figure(&limits.read_usage) {
            Some(usage) => self.spent.read.max(usage),
            None => self.spent.read.saturating_add(used.reads),
        };
    }
}

/// Start of the day of this instant, UTC.
pub(crate) fn start_of_day(instant: Timestamp) -> Timestamp {
    window_start(instant, DAY)
}

fn window_start(instant: Timestamp, length_s: i64) -> Timestamp {
    Timestamp::from_secs(instant.as_secs().div_euclid(length_s) * length_s)
}

#[cfg(test)]
mod tests;

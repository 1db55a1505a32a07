//! The call budget of one Strava application: two buckets, two windows each, and who may spend how much.
//!
//! What is spent in a window is the highest figure Strava told of it, plus what was spent since
//! without being told, plus every lease not reported yet. A purpose may fill a window up to its
//! ceiling only: what lies above is kept for the more urgent ones.

use std::time::Duration;

use kernel::{ApplicationId, Timestamp};
use strava_client::lease::Purpose;
use strava_client::{RateLimits, WindowCounts};

const QUARTER: i64 = 15 * 60;
const DAY: i64 = 24 * 60 * 60;
/// When to ask again if only leases in flight stand in the way.
const SOON: Duration = Duration::from_secs(1);

/// Calls: those that count in both buckets, and those that count overall only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) reads: i64,
    pub(crate) writes: i64,
}

impl Calls {
    pub(crate) const fn new(reads: i64, writes: i64) -> Self {
        Self { reads, writes }
    }

    const fn overall(self) -> i64 {
        self.reads.saturating_add(self.writes)
    }
}

/// One figure per bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Buckets {
    pub(crate) overall: i64,
    pub(crate) read: i64,
}

impl Buckets {
    fn add(&mut self, calls: Calls) {
        self.overall = self.overall.saturating_add(calls.overall());
        self.read = self.read.saturating_add(calls.reads);
    }
}

/// A window and what Strava, or we, counted in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// When it began.
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
    /// When one lease may find out whether it still is.
    pub(crate) probe_at: Option<Timestamp>,
}

/// What leases not reported yet may still spend in the current windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct InFlight {
    pub(crate) quarter: Calls,
    pub(crate) day: Calls,
}

/// How much of a window each purpose may fill, in per cent: the reserve of the ones above it.
pub(crate) const fn ceiling(purpose: Purpose) -> i64 {
    match purpose {
        Purpose::Login => 100,
        Purpose::Live => 97,
        Purpose::Copy => 92,
        Purpose::Reconcile => 87,
        Purpose::Backfill => 80,
    }
}

impl Budget {
    /// The budget of an application whose headers nobody has seen yet: the smallest Strava gives.
    pub(crate) fn unseen(application: ApplicationId, now: Timestamp) -> Self {
        let window = |length, overall, read| Window {
            since: start(now, length),
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

    /// Begins new windows when their time has come. Windows never go back: when our clock lags
    /// behind Strava's, Strava's is right.
    pub(crate) fn roll(&mut self, now: Timestamp) {
        self.quarter.roll(start(now, QUARTER));
        self.day.roll(start(now, DAY));
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

    /// Whether this many calls fit; otherwise when to ask again.
    pub(crate) fn admits(
        &self,
        purpose: Purpose,
        wanted: Calls,
        in_flight: InFlight,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        if let Some(until) = self.blocked_until {
            return Err(until);
        }
        if !self.day.fits(purpose, wanted, Calls::default()) {
            return Err(self.day_ends());
        }
        if !self.quarter.fits(purpose, wanted, Calls::default()) {
            return Err(self.quarter_ends());
        }
        let fits = self.day.fits(purpose, wanted, in_flight.day)
            && self.quarter.fits(purpose, wanted, in_flight.quarter);
        if fits { Ok(()) } else { Err(now.plus(SOON).min(self.quarter_ends())) }
    }

    /// Whether an athlete who spent this much in the quarter of an hour may have what is wanted
    /// while `athletes` want some. A first lease is fair however many they are: were the share
    /// smaller than what each of them wants at once, nobody would ever get anything.
    pub(crate) fn is_fair(
        &self,
        purpose: Purpose,
        athletes: usize,
        spent: Calls,
        wanted: Calls,
    ) -> bool {
        let share = self.fair_share(purpose, athletes);
        spent.reads.saturating_add(wanted.reads) <= share.reads.max(wanted.reads)
            && spent.writes.saturating_add(wanted.writes) <= share.writes.max(wanted.writes)
    }

    /// How many calls of a bucket an athlete may have in a quarter of an hour while `athletes` want some.
    fn fair_share(&self, purpose: Purpose, athletes: usize) -> Calls {
        let among = i64::try_from(athletes.max(1)).unwrap_or(i64::MAX);
        let share = |limit: i64| (limit.saturating_mul(ceiling(purpose)) / 100 / among).max(1);
        Calls::new(share(self.quarter.limit.read), share(self.quarter.limit.overall))
    }

    /// Calls were made; `told` is what Strava said of its budget with the last answer, at `at`.
    pub(crate) fn count(&mut self, used: Calls, told: Option<&RateLimits>, at: Timestamp) {
        let told = told.copied().unwrap_or_default();
        // When our clock lags behind Strava's, Strava's is right.
        self.roll(at);
        // An answer from before the current window says nothing about it; that its calls count in
        // this one errs on the safe side, also where it is our clock that is ahead.
        let said = |since: Timestamp, length| {
            if start(at, length) >= since { told } else { RateLimits::default() }
        };
        let (of_quarter, of_day) = (said(self.quarter.since, QUARTER), said(self.day.since, DAY));
        self.quarter.count(used, &of_quarter, |figures| figures.quarter);
        self.day.count(used, &of_day, |figures| figures.day);
    }

    /// Strava answered 429.
    pub(crate) fn block(&mut self) {
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

    fn fits(&self, purpose: Purpose, wanted: Calls, in_flight: Calls) -> bool {
        let top = |limit: i64| limit.saturating_mul(ceiling(purpose)) / 100;
        let mut total = self.spent;
        total.add(in_flight);
        total.add(wanted);
        let overall = wanted.overall() == 0 || total.overall <= top(self.limit.overall);
        let read = wanted.reads == 0 || total.read <= top(self.limit.read);
        overall && read
    }

    fn count(&mut self, used: Calls, told: &RateLimits, of: impl Fn(&WindowCounts) -> Option<u32>) {
        let figure = |figures: &WindowCounts| of(figures).map(i64::from);
        if let Some(limit) = figure(&told.overall_limit) {
            self.limit.overall = limit;
            // Where there is no read bucket (as in 2018), reads are bounded by the overall one.
            self.limit.read =
                figure(&told.read_limit).unwrap_or_else(|| self.limit.read.min(limit));
        }
        if let Some(limit) = figure(&told.read_limit) {
            self.limit.read = limit;
        }
        // What Strava told includes these calls; what it did not tell is added.
        self.spent.overall = match figure(&told.overall_usage) {
            Some(usage) => self.spent.overall.max(usage),
            None => self.spent.overall.saturating_add(used.overall()),
        };
        self.spent.read = match figure(&told.read_usage) {
            Some(usage) => self.spent.read.max(usage),
            None => self.spent.read.saturating_add(used.reads),
        };
    }
}

/// When the day of this instant began, UTC.
pub(crate) fn day_of(at: Timestamp) -> Timestamp {
    start(at, DAY)
}

fn start(at: Timestamp, length: i64) -> Timestamp {
    Timestamp::from_secs(at.as_secs().div_euclid(length) * length)
}

#[cfg(test)]
mod tests;

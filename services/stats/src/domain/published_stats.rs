//! The published athlete's numbers in the predecessors' terms.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use kernel::{StravaActivityId, Timestamp};

use super::period::{Group, last_twelve_months};
use super::summary::DailyTotal;
use super::sums::Sums;

/// Maximum number of activities in the list of recent ones.
pub(crate) const MAX_RECENT_ACTIVITIES: u64 = 30;

/// Sums of running and riding of one year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct YearToDate {
    pub(crate) run: Sums,
    pub(crate) ride: Sums,
}

impl YearToDate {
    /// Adds up these totals.
    pub(crate) fn from_totals(days: &[DailyTotal]) -> Self {
        let mut year = Self::default();
        for day in days {
            if day.sport.is_run() {
                year.run += day.sums;
            } else if day.sport.is_ride() {
                year.ride += day.sums;
            }
        }
        year
    }
}

/// One entry of the list of recent activities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecentActivity {
    /// Strava's id, if that is the leading source.
    pub(crate) strava_activity: Option<StravaActivityId>,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) sums: Sums,
    pub(crate) start_at: Timestamp,
}

/// Adds up the last twelve calendar months, newest first, all sports together; a month without
/// activity is zero.
pub(crate) fn sum_by_month(days: &[DailyTotal], today: NaiveDate) -> Vec<(String, Sums)> {
    let mut months: BTreeMap<String, Sums> = BTreeMap::new();
    for day in days {
        *months.entry(Group::Month.period_of(day.local_date)).or_default() += day.sums;
    }
    last_twelve_months(today)
        .into_iter()
        .map(|first| {
            let name = Group::Month.period_of(first);
            let sums = months.get(&name).copied().unwrap_or_default();
            (name, sums)
        })
        .collect()
}

/// Returns the distance run since `first` by the end of each day, in decimetres.
///
/// The last day is today, or that of the last run if it lies ahead of the clock.
pub(crate) fn cumulate_runs(
    days: &[DailyTotal],
    first: NaiveDate,
    today: NaiveDate,
) -> Vec<(NaiveDate, i64)> {
    let mut runs: BTreeMap<NaiveDate, i64> = BTreeMap::new();
    for day in days.iter().filter(|day| day.sport.is_run()) {
        *runs.entry(day.local_date).or_default() += day.sums.distance_dm;
    }
    let last = runs.keys().next_back().copied().unwrap_or(today).max(today);
    let mut distance_dm = 0;
    first
        .iter_days()
        .take_while(|day| *day <= last)
        .map(|day| {
            distance_dm += runs.get(&day).copied().unwrap_or_default();
            (day, distance_dm)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use kernel::Sport;

    use super::*;

    fn total(day: &str, sport: &str, distance_dm: i64) -> DailyTotal {
        DailyTotal {
            local_date: day.parse().unwrap(),
            sport: Sport::new(sport),
            sums: Sums { count: 1, distance_dm, ..Sums::default() },
        }
    }

    #[test]
    fn walking_is_neither_running_nor_riding() {
        let year = YearToDate::from_totals(&[
            total("2026-01-02", "TrailRun", 10),
            total("2026-01-02", "VirtualRun", 5),
            total("2026-01-03", "Velomobile", 7),
            total("2026-01-03", "Walk", 100),
            total("2026-01-03", "EBikeRide", 1000),
        ]);
        assert_eq!((year.run.count, year.run.distance_dm), (2, 15));
        assert_eq!((year.ride.count, year.ride.distance_dm), (1, 7));
    }

    #[test]
    fn the_distance_run_only_grows_day_by_day() {
        let days = [
            total("2026-01-02", "Run", 10),
            total("2026-01-02", "TrailRun", 5),
            total("2026-01-03", "Ride", 99),
            total("2026-01-04", "Run", 1),
        ];
        let first = "2026-01-01".parse().unwrap();
        let so_far = cumulate_runs(&days, first, "2026-01-05".parse().unwrap());
        assert_eq!(so_far.iter().map(|(_, dm)| *dm).collect::<Vec<_>>(), [0, 15, 15, 16, 16]);
        assert_eq!(so_far.first().map(|(day, _)| *day), Some(first));
    }

    #[test]
    fn months_without_activity_are_listed_too() {
        let months = sum_by_month(
            &[
                total("2026-11-01", "Run", 10),
                total("2026-11-21", "Swim", 1),
                total("2025-11-30", "Run", 500),
            ],
            "2026-11-21".parse().unwrap(),
        );
        assert_eq!(months.len(), 12);
        assert_eq!(
            months.first().map(|(name, sums)| (name.as_str(), sums.distance_dm)),
            Some(("2026-11", 11))
        );
        assert_eq!(
            months.last().map(|(name, sums)| (name.as_str(), sums.distance_dm)),
            Some(("2025-12", 0))
        );
    }
}

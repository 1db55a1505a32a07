//! Daily totals gathered into periods.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use kernel::Sport;

use super::period::Group;
use super::sums::Sums;

/// The sums of one sport on one local day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DailyTotal {
    pub(crate) local_date: NaiveDate,
    pub(crate) sport: Sport,
    pub(crate) sums: Sums,
}

/// The sums of one sport in one period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SummaryItem {
    pub(crate) period: String,
    pub(crate) sport: Sport,
    pub(crate) sums: Sums,
}

/// Adds up daily totals by period and sport, oldest period first, sports from A to Z.
pub(crate) fn sum_by_period(days: &[DailyTotal], group: Group) -> Vec<SummaryItem> {
    let mut periods: BTreeMap<(String, &Sport), Sums> = BTreeMap::new();
    for day in days {
        *periods.entry((group.period_of(day.local_date), &day.sport)).or_default() += day.sums;
    }
    periods
        .into_iter()
        .map(|((period, sport), sums)| SummaryItem { period, sport: sport.clone(), sums })
        .collect()
}

/// Adds up daily totals.
pub(crate) fn sum_all(days: &[DailyTotal]) -> Sums {
    days.iter().map(|day| day.sums).sum()
}

//! Daily totals gathered into periods.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use kernel::Sport;

use super::period::Group;
use super::sums::Sums;

/// What one sport came to on one local day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DailyTotal {
    pub(crate) local_date: NaiveDate,
    pub(crate) sport: Sport,
    pub(crate) sums: Sums,
}

/// What one sport came to in one period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) period: String,
    pub(crate) sport: Sport,
    pub(crate) sums: Sums,
}

/// The daily totals by period and sport, oldest period first, sports from A to Z.
pub(crate) fn by_period(days: &[DailyTotal], group: Group) -> Vec<Item> {
    let mut periods: BTreeMap<(String, &Sport), Sums> = BTreeMap::new();
    for day in days {
        *periods.entry((group.period_of(day.local_date), &day.sport)).or_default() += day.sums;
    }
    periods
        .into_iter()
        .map(|((period, sport), sums)| Item { period, sport: sport.clone(), sums })
        .collect()
}

/// What all of them come to.
pub(crate) fn total(days: &[DailyTotal]) -> Sums {
    days.iter().map(|day| day.sums).sum()
}

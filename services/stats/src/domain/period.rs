//! Periods of local days, and their names.

use std::fmt;

use chrono::{Datelike, NaiveDate};

/// The size of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Day,
    Week,
    Month,
    Year,
}

impl Group {
    /// Parses the name of a group, as the query string spells it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "day" => Some(Self::Day),
            "week" => Some(Self::Week),
            "month" => Some(Self::Month),
            "year" => Some(Self::Year),
            _ => None,
        }
    }

    /// Returns the name of the period that holds this day. Within one group, names sort as time does.
    pub(crate) fn period_of(self, day: NaiveDate) -> String {
        match self {
            Self::Day => day.format("%Y-%m-%d").to_string(),
            Self::Week => {
                let week = day.iso_week();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            Self::Month => format!("{:04}-{:02}", day.year(), day.month()),
            Self::Year => format!("{:04}", day.year()),
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        })
    }
}

/// Returns the first day of the year that holds this day.
pub(crate) fn start_of_year(day: NaiveDate) -> NaiveDate {
    day.with_ordinal(1).unwrap_or(day)
}

/// Returns the last day of the year that holds this day.
pub(crate) fn end_of_year(day: NaiveDate) -> NaiveDate {
    NaiveDate::from_ymd_opt(day.year(), 12, 31).unwrap_or(day)
}

/// Returns the first days of the last twelve calendar months, beginning with the month of this day.
pub(crate) fn last_twelve_months(day: NaiveDate) -> Vec<NaiveDate> {
    let months = day.year() * 12 + day.month0() as i32;
    (0..12)
        .filter_map(|back| {
            let month = months - back;
            NaiveDate::from_ymd_opt(month.div_euclid(12), month.rem_euclid(12) as u32 + 1, 1)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_days_of_january_may_belong_to_a_week_of_the_year_before() {
        assert_eq!(Group::Week.period_of(day("2026-11-21")), "2026-W47");
        assert_eq!(Group::Week.period_of(day("2027-01-03")), "2026-W53");
        assert_eq!(Group::Week.period_of(day("2024-12-30")), "2025-W01");
    }

    #[test]
    fn every_group_names_its_period() {
        let at = day("2026-03-09");
        let names: Vec<_> = [Group::Day, Group::Week, Group::Month, Group::Year]
            .map(|group| (Group::parse(&group.to_string()), group.period_of(at)))
            .into();
        assert_eq!(
            names,
            [
                (Some(Group::Day), "2026-03-09".to_owned()),
                (Some(Group::Week), "2026-W11".to_owned()),
                (Some(Group::Month), "2026-03".to_owned()),
                (Some(Group::Year), "2026".to_owned()),
            ]
        );
    }

    #[test]
    fn twelve_months_back_crosses_the_new_year() {
        let names: Vec<_> = last_twelve_months(day("2026-02-28"))
            .into_iter()
            .map(|first| Group::Month.period_of(first))
            .collect();
        assert_eq!(names.first().map(String::as_str), Some("2026-02"));
        assert_eq!(names.get(2).map(String::as_str), Some("2025-12"));
        assert_eq!(names.last().map(String::as_str), Some("2025-03"));
        assert_eq!(names.len(), 12);
    }

    proptest::proptest! {
        #[test]
        fn later_days_never_have_earlier_names(first in 0_i64..200_000, second in 0_i64..200_000) {
            let at = |days: i64| day("1900-01-01") + chrono::Days::new(days as u64);
            let (early, late) = (at(first.min(second)), at(first.max(second)));
            for group in [Group::Day, Group::Week, Group::Month, Group::Year] {
                proptest::prop_assert!(group.period_of(early) <= group.period_of(late));
            }
        }
    }
}

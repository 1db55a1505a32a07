//! The query for a summary: its parameters, and the rules for them.

use chrono::{Datelike, Days, NaiveDate};
use kernel::Sport;

use super::period::{Group, start_of_year};

/// Maximum length of a range that is grouped by day, in days.
const MAX_DAYS_BY_DAY: u64 = 1_100;
/// Maximum length of any other range, in days: two hundred years.
const MAX_DAYS: u64 = 73_200;
/// Maximum number of sports in a query.
const MAX_SPORTS: usize = 60;

/// The parameters of a query as they came: nothing is checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueryParameters {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) sports: Vec<String>,
}

/// A valid query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SummaryQuery {
    pub(crate) from: NaiveDate,
    pub(crate) to: NaiveDate,
    pub(crate) group: Group,
    /// Empty means all. Sorted, each once.
    pub(crate) sports: Vec<Sport>,
}

/// Reason for the refusal of a query.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum InvalidQuery {
    #[error("must be a day such as 2026-11-21")]
    NotADay { field: &'static str },
    #[error("must not lie before from")]
    Backwards,
    #[error("must not lie more than {0} days after from when grouped this way")]
    TooLong(u64),
    #[error("must be one of day, week, month, year")]
    Group,
    #[error("must name at most {MAX_SPORTS} sports")]
    TooManySports,
    #[error("{0:?} is not a known sport")]
    Sport(String),
}

impl InvalidQuery {
    /// The query parameter at fault.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::NotADay { field } => field,
            Self::Backwards | Self::TooLong(_) => "to",
            Self::Group => "group",
            Self::TooManySports | Self::Sport(_) => "sport",
        }
    }
}

impl SummaryQuery {
    /// Checks the parameters and completes them: from the start of this year (or of the year of `to`)
    /// to today, by month, all sports.
    ///
    /// `today` is the athlete's own; `counted` are the sports the athlete has totals of, so that one
    /// invented after this program was written can be queried too.
    pub(crate) fn parse(
        parameters: &QueryParameters,
        today: NaiveDate,
        counted: &[Sport],
    ) -> Result<Self, InvalidQuery> {
        let from = parameters.from.as_deref().map(|text| parse_day(text, "from")).transpose()?;
        let to = parameters.to.as_deref().map(|text| parse_day(text, "to")).transpose()?;
        let from = from.unwrap_or_else(|| start_of_year(to.unwrap_or(today)));
        let to = to.unwrap_or_else(|| today.max(from));
        let group = match parameters.group.as_deref() {
            None => Group::Month,
            Some(name) => Group::parse(name).ok_or(InvalidQuery::Group)?,
        };
        let max_days = if group == Group::Day { MAX_DAYS_BY_DAY } else { MAX_DAYS };
        if to < from {
            return Err(InvalidQuery::Backwards);
        }
        if from.checked_add_days(Days::new(max_days)).is_none_or(|last| to > last) {
            return Err(InvalidQuery::TooLong(max_days));
        }
        Ok(Self { from, to, group, sports: parse_sports(&parameters.sports, counted)? })
    }
}

fn parse_day(text: &str, field: &'static str) -> Result<NaiveDate, InvalidQuery> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .filter(|day| text.len() == "2026-11-21".len() && (1..=9999).contains(&day.year()))
        .ok_or(InvalidQuery::NotADay { field })
}

fn parse_sports(named: &[String], counted: &[Sport]) -> Result<Vec<Sport>, InvalidQuery> {
    let mut sports = Vec::new();
    for name in named.iter().flat_map(|list| list.split(',')) {
        let sport = Sport::new(name);
        if name.trim().is_empty() || !(sport.is_known() || counted.contains(&sport)) {
            return Err(InvalidQuery::Sport(name.chars().take(Sport::MAX_CHARS).collect()));
        }
        sports.push(sport);
    }
    sports.sort_unstable();
    sports.dedup();
    if sports.len() > MAX_SPORTS { Err(InvalidQuery::TooManySports) } else { Ok(sports) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(
        from: &str,
        to: &str,
        group: &str,
        sports: &[&str],
    ) -> Result<SummaryQuery, InvalidQuery> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let parameters = QueryParameters {
            from: some(from),
            to: some(to),
            group: some(group),
            sports: sports.iter().map(|name| (*name).to_owned()).collect(),
        };
        SummaryQuery::parse(
            &parameters,
            "2026-11-21".parse().unwrap(),
            &[Sport::new("Orienteering")],
        )
    }

    fn field(answer: Result<SummaryQuery, InvalidQuery>) -> &'static str {
        answer.expect_err("it is valid").field()
    }

    #[test]
    fn a_query_without_parameters_covers_this_year_up_to_today() {
        let query = parse("", "", "", &[]).unwrap();
        assert_eq!(
            (query.from.to_string(), query.to.to_string()),
            ("2026-01-01".into(), "2026-11-21".into())
        );
        assert_eq!(parse("", "2024-05-05", "", &[]).unwrap().from.to_string(), "2024-01-01");
        assert_eq!(parse("2027-02-01", "", "", &[]).unwrap().to.to_string(), "2027-02-01");
    }

    #[test]
    fn sports_may_repeat_and_may_be_listed() {
        let query = parse("", "", "", &["Run,Ride", "Run", "Orienteering"]).unwrap();
        assert_eq!(query.sports, ["Orienteering", "Ride", "Run"].map(Sport::new));
    }

    #[test]
    fn an_invalid_query_names_the_field() {
        for wrong in [
            "yesterday",
            "2026-02-30",
            "2026-1-1",
            "+2026-01-01",
            "99999-01-01",
            "2026-11-21T00:00:00Z",
        ] {
            assert_eq!(field(parse(wrong, "", "", &[])), "from", "{wrong}");
            assert_eq!(field(parse("", wrong, "", &[])), "to", "{wrong}");
        }
        assert_eq!(field(parse("2026-11-21", "2026-11-20", "", &[])), "to");
        assert_eq!(field(parse("2020-01-01", "2026-01-01", "day", &[])), "to");
        assert_eq!(field(parse("", "", "fortnight", &[])), "group");
        assert_eq!(field(parse("", "", "", &["Quidditch"])), "sport");
        assert_eq!(field(parse("", "", "", &["Run,"])), "sport");
        assert_eq!(field(parse("", "", "", &["run"])), "sport");
    }
}

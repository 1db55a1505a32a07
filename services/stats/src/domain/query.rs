//! What somebody may ask of the totals.

use chrono::{Datelike, Days, NaiveDate};
use kernel::Sport;

use super::period::{Group, start_of_year};

/// The longest range that is told day by day.
const DAYS_BY_DAY: u64 = 1_100;
/// The longest range at all: two hundred years.
const DAYS_AT_ALL: u64 = 73_200;
/// How many sports may be named at once.
const SPORTS: usize = 60;

/// A question as it came: nothing is checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) sports: Vec<String>,
}

/// A question that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) from: NaiveDate,
    pub(crate) to: NaiveDate,
    pub(crate) group: Group,
    /// Empty: all. Sorted, each once.
    pub(crate) sports: Vec<Sport>,
}

/// Why a question cannot be answered.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Unanswerable {
    #[error("must be a day such as 2026-11-21")]
    NoDay { field: &'static str },
    #[error("must not lie before from")]
    Backwards,
    #[error("must not lie more than {0} days after from when grouped this way")]
    TooLong(u64),
    #[error("must be one of day, week, month, year")]
    Group,
    #[error("must name at most {SPORTS} sports")]
    TooManySports,
    #[error("{0:?} is no sport that is known")]
    Sport(String),
}

impl Unanswerable {
    /// The query parameter at fault.
    pub(crate) fn field(&self) -> &'static str {
        match self {
            Self::NoDay { field } => field,
            Self::Backwards | Self::TooLong(_) => "to",
            Self::Group => "group",
            Self::TooManySports | Self::Sport(_) => "sport",
        }
    }
}

impl Question {
    /// The question that was asked, completed: from the start of this year (or of the year of `to`) to
    /// today, by month, all sports.
    ///
    /// `today` is the athlete's own; `counted` are the sports the athlete has totals of, so that one
    /// invented after this program was written can be asked for too.
    pub(crate) fn read(
        asked: &Asked,
        today: NaiveDate,
        counted: &[Sport],
    ) -> Result<Self, Unanswerable> {
        let from = asked.from.as_deref().map(|text| day(text, "from")).transpose()?;
        let to = asked.to.as_deref().map(|text| day(text, "to")).transpose()?;
        let from = from.unwrap_or_else(|| start_of_year(to.unwrap_or(today)));
        let to = to.unwrap_or_else(|| today.max(from));
        let group = match asked.group.as_deref() {
            None => Group::Month,
            Some(name) => Group::parse(name).ok_or(Unanswerable::Group)?,
        };
        let longest = if group == Group::Day { DAYS_BY_DAY } else { DAYS_AT_ALL };
        if to < from {
            return Err(Unanswerable::Backwards);
        }
        if from.checked_add_days(Days::new(longest)).is_none_or(|last| to > last) {
            return Err(Unanswerable::TooLong(longest));
        }
        Ok(Self { from, to, group, sports: sports(&asked.sports, counted)? })
    }
}

fn day(text: &str, field: &'static str) -> Result<NaiveDate, Unanswerable> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .filter(|day| text.len() == "2026-11-21".len() && (1..=9999).contains(&day.year()))
        .ok_or(Unanswerable::NoDay { field })
}

fn sports(named: &[String], counted: &[Sport]) -> Result<Vec<Sport>, Unanswerable> {
    let mut sports = Vec::new();
    for name in named.iter().flat_map(|list| list.split(',')) {
        let sport = Sport::new(name);
        if name.trim().is_empty() || !(sport.is_known() || counted.contains(&sport)) {
            return Err(Unanswerable::Sport(name.chars().take(Sport::MAX_CHARS).collect()));
        }
        sports.push(sport);
    }
    sports.sort_unstable();
    sports.dedup();
    if sports.len() > SPORTS { Err(Unanswerable::TooManySports) } else { Ok(sports) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(from: &str, to: &str, group: &str, sports: &[&str]) -> Result<Question, Unanswerable> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let asked = Asked {
            from: some(from),
            to: some(to),
            group: some(group),
            sports: sports.iter().map(|name| (*name).to_owned()).collect(),
        };
        Question::read(&asked, "2026-11-21".parse().unwrap(), &[Sport::new("Orienteering")])
    }

    fn field(answer: Result<Question, Unanswerable>) -> &'static str {
        answer.expect_err("it can be answered").field()
    }

    #[test]
    fn a_bare_question_is_about_this_year_up_to_today() {
        let question = read("", "", "", &[]).unwrap();
        assert_eq!(
            (question.from.to_string(), question.to.to_string()),
            ("2026-01-01".into(), "2026-11-21".into())
        );
        assert_eq!(read("", "2024-05-05", "", &[]).unwrap().from.to_string(), "2024-01-01");
        assert_eq!(read("2027-02-01", "", "", &[]).unwrap().to.to_string(), "2027-02-01");
    }

    #[test]
    fn sports_may_repeat_and_may_be_listed() {
        let question = read("", "", "", &["Run,Ride", "Run", "Orienteering"]).unwrap();
        assert_eq!(question.sports, ["Orienteering", "Ride", "Run"].map(Sport::new));
    }

    #[test]
    fn what_cannot_be_answered_names_the_field() {
        for wrong in [
            "yesterday",
            "2026-02-30",
            "2026-1-1",
            "+2026-01-01",
            "99999-01-01",
            "2026-11-21T00:00:00Z",
        ] {
            assert_eq!(field(read(wrong, "", "", &[])), "from", "{wrong}");
            assert_eq!(field(read("", wrong, "", &[])), "to", "{wrong}");
        }
        assert_eq!(field(read("2026-11-21", "2026-11-20", "", &[])), "to");
        assert_eq!(field(read("2020-01-01", "2026-01-01", "day", &[])), "to");
        assert_eq!(field(read("", "", "fortnight", &[])), "group");
        assert_eq!(field(read("", "", "", &["Quidditch"])), "sport");
        assert_eq!(field(read("", "", "", &["Run,"])), "sport");
        assert_eq!(field(read("", "", "", &["run"])), "sport");
    }
}

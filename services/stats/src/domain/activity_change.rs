//! One activity as it is counted, parsed from the message about it.

use chrono::{NaiveDate, NaiveDateTime};
use contracts::activities::{ActivityChanged, ActivityFacts};
use contracts::{Cause, Origin};
use kernel::{ActivityId, AthleteId, InvalidSource, Revision, SourceKey, Sport, Timestamp};

/// Maximum length of a stored title, in characters.
const MAX_NAME: usize = 255;
/// Maximum length of a stored IANA zone name, in characters.
const MAX_ZONE: usize = 64;

/// A change of one activity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ActivityChange {
    pub(crate) athlete: AthleteId,
    pub(crate) activity: ActivityId,
    pub(crate) revision: Revision,
    pub(crate) origins: Vec<Origin>,
    pub(crate) cause: Cause,
    /// The leading source.
    pub(crate) source: Option<SourceKey>,
    /// None if the activity is removed.
    pub(crate) fact: Option<Fact>,
}

/// The facts of an activity that counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) sport: Sport,
    pub(crate) legacy_type: String,
    pub(crate) start_at: Timestamp,
    pub(crate) start_local: NaiveDateTime,
    pub(crate) local_date: NaiveDate,
    pub(crate) utc_offset_s: i64,
    pub(crate) timezone: String,
    pub(crate) distance_dm: i64,
    pub(crate) moving_time_s: i64,
    pub(crate) elapsed_time_s: i64,
    pub(crate) elevation_gain_dm: i64,
    pub(crate) average_speed_mm_s: i64,
    pub(crate) max_speed_mm_s: i64,
    pub(crate) average_heartrate_dbpm: Option<i64>,
    pub(crate) max_heartrate_dbpm: Option<i64>,
    pub(crate) kudos_count: i64,
    pub(crate) visibility: String,
}

/// Key of a total within an athlete: the local day and the sport.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TotalKey {
    pub(crate) local_date: NaiveDate,
    pub(crate) sport: Sport,
}

/// Reason for a message that can never be counted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum InvalidActivity {
    #[error("the message names no athlete")]
    NoAthlete,
    #[error("the activity's id is not a UUID")]
    Activity(#[from] uuid::Error),
    #[error(transparent)]
    Source(#[from] InvalidSource),
    #[error("neither a removal nor facts")]
    NoFacts,
    #[error("{field} is not a calendar date")]
    Date { field: &'static str, source: chrono::ParseError },
}

impl ActivityChange {
    /// Parses the message about an activity.
    pub(crate) fn parse(
        athlete: Option<AthleteId>,
        origins: &[Origin],
        cause: Cause,
        message: &ActivityChanged,
    ) -> Result<Self, InvalidActivity> {
        let fact = match (message.removed, &message.facts) {
            (true, _) => None,
            (false, None) => return Err(InvalidActivity::NoFacts),
            (false, Some(facts)) => Some(parse_facts(facts)?),
        };
        Ok(Self {
            athlete: athlete.ok_or(InvalidActivity::NoAthlete)?,
            activity: message.activity.parse()?,
            revision: Revision::new(message.revision),
            origins: origins.to_vec(),
            cause,
            source: message.source_key()?,
            fact,
        })
    }

    /// The total it adds to, unless it is removed.
    pub(crate) fn total_key(&self) -> Option<TotalKey> {
        self.fact
            .as_ref()
            .map(|fact| TotalKey { local_date: fact.local_date, sport: fact.sport.clone() })
    }
}

fn parse_facts(facts: &ActivityFacts) -> Result<Fact, InvalidActivity> {
    let local_date = NaiveDate::parse_from_str(&facts.local_date, "%Y-%m-%d")
        .map_err(|source| InvalidActivity::Date { field: "local_date", source })?;
    let start_local = NaiveDateTime::parse_from_str(&facts.start_local, "%Y-%m-%dT%H:%M:%S%.f")
        .map_err(|source| InvalidActivity::Date { field: "start_local", source })?;
    Ok(Fact {
        name: truncate(&facts.name, MAX_NAME),
        sport: Sport::new(&facts.sport),
        legacy_type: truncate(&facts.legacy_type, Sport::MAX_CHARS),
        start_at: Timestamp::from_micros(facts.start_at_us),
        start_local,
        local_date,
        utc_offset_s: facts.utc_offset_s,
        timezone: truncate(&facts.timezone, MAX_ZONE),
        distance_dm: facts.distance_dm.max(0),
        moving_time_s: facts.moving_time_s.max(0),
        elapsed_time_s: facts.elapsed_time_s.max(0),
        elevation_gain_dm: facts.elevation_gain_dm.max(0),
        average_speed_mm_s: facts.average_speed_mm_s,
        max_speed_mm_s: facts.max_speed_mm_s,
        average_heartrate_dbpm: facts.average_heartrate_dbpm,
        max_heartrate_dbpm: facts.max_heartrate_dbpm,
        kudos_count: facts.kudos_count,
        visibility: truncate(&facts.visibility, 20),
    })
}

fn truncate(text: &str, max_chars: usize) -> String {
    text.chars().take(max_chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> ActivityChanged {
        ActivityChanged {
            activity: "01930000-0000-7000-8000-000000000001".to_owned(),
            revision: 3,
            facts: Some(ActivityFacts {
                name: "é".repeat(300),
                sport: " ".to_owned(),
                start_local: "2026-11-21T23:40:00".to_owned(),
                local_date: "2026-11-21".to_owned(),
                distance_dm: -5,
                ..ActivityFacts::default()
            }),
            ..ActivityChanged::default()
        }
    }

    fn parse(message: &ActivityChanged) -> Result<ActivityChange, InvalidActivity> {
        let somebody = AthleteId::from_uuid(uuid::Uuid::from_u128(1));
        ActivityChange::parse(Some(somebody), &[], Cause::Live, message)
    }

    #[test]
    fn odd_facts_are_cut_to_what_a_row_holds() {
        let fact = parse(&message()).unwrap().fact.unwrap();
        assert_eq!(
            (fact.name.chars().count(), fact.sport.as_str(), fact.distance_dm),
            (255, "Workout", 0)
        );
    }

    #[test]
    fn a_message_without_a_day_is_refused() {
        let mut undated = message();
        undated.facts.as_mut().unwrap().local_date = "21.11.2026".to_owned();
        let refused = parse(&undated);
        assert!(
            matches!(refused, Err(InvalidActivity::Date { field: "local_date", .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn a_removal_needs_no_facts_but_a_change_does() {
        let mut bare = message();
        bare.facts = None;
        assert_eq!(parse(&bare), Err(InvalidActivity::NoFacts));
        bare.removed = true;
        assert_eq!(parse(&bare).unwrap().fact, None);
    }
}

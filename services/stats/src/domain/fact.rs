//! One activity as it is counted, read from the message that told of it.

use chrono::{NaiveDate, NaiveDateTime};
use contracts::activities::{ActivityChanged, ActivityFacts};
use contracts::{Cause, Origin};
use kernel::{ActivityId, ApplicationId, AthleteId, Revision, Sport, StravaActivityId, Timestamp};

/// The longest title kept, in characters.
const NAME_MAX: usize = 255;
/// The longest IANA zone name kept.
const ZONE_MAX: usize = 64;

/// What became of one activity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) athlete: AthleteId,
    pub(crate) activity: ActivityId,
    pub(crate) revision: Revision,
    pub(crate) origins: Vec<Origin>,
    pub(crate) cause: Cause,
    /// Of the Strava observation; 0 when there is none.
    pub(crate) application: ApplicationId,
    /// What Strava calls it; 0 when Strava does not know it.
    pub(crate) strava_activity: StravaActivityId,
    /// Nothing: it is removed.
    pub(crate) fact: Option<Fact>,
}

/// What is known of an activity that counts.
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

/// One total's key within an athlete: the local day and the sport.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DayOf {
    pub(crate) local_date: NaiveDate,
    pub(crate) sport: Sport,
}

/// Why a message cannot be counted, however often it is tried.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Uncountable {
    #[error("the message names no athlete")]
    NoAthlete,
    #[error("the activity's id is no UUID")]
    Activity(#[from] uuid::Error),
    #[error("a change that is no removal carries no facts")]
    NoFacts,
    #[error("{field} is no date of a calendar")]
    Date { field: &'static str, source: chrono::ParseError },
}

impl Change {
    /// The change this message tells of.
    pub(crate) fn read(
        athlete: Option<AthleteId>,
        (origins, cause): (&[Origin], Cause),
        message: &ActivityChanged,
    ) -> Result<Self, Uncountable> {
        let fact = match (message.removed, &message.facts) {
            (true, _) => None,
            (false, None) => return Err(Uncountable::NoFacts),
            (false, Some(facts)) => Some(read_facts(facts)?),
        };
        Ok(Self {
            athlete: athlete.ok_or(Uncountable::NoAthlete)?,
            activity: message.activity.parse()?,
            revision: Revision::new(message.revision),
            origins: origins.to_vec(),
            cause,
            application: ApplicationId::new(message.application),
            strava_activity: StravaActivityId::new(message.strava_activity),
            fact,
        })
    }

    /// The total it adds to, if it counts.
    pub(crate) fn day(&self) -> Option<DayOf> {
        self.fact
            .as_ref()
            .map(|fact| DayOf { local_date: fact.local_date, sport: fact.sport.clone() })
    }
}

fn read_facts(facts: &ActivityFacts) -> Result<Fact, Uncountable> {
    let local_date = NaiveDate::parse_from_str(&facts.local_date, "%Y-%m-%d")
        .map_err(|source| Uncountable::Date { field: "local_date", source })?;
    let start_local = NaiveDateTime::parse_from_str(&facts.start_local, "%Y-%m-%dT%H:%M:%S%.f")
        .map_err(|source| Uncountable::Date { field: "start_local", source })?;
    Ok(Fact {
        name: cut(&facts.name, NAME_MAX),
        sport: Sport::new(&facts.sport),
        legacy_type: cut(&facts.legacy_type, Sport::MAX_CHARS),
        start_at: Timestamp::from_micros(facts.start_at_us),
        start_local,
        local_date,
        utc_offset_s: facts.utc_offset_s,
        timezone: cut(&facts.timezone, ZONE_MAX),
        distance_dm: facts.distance_dm.max(0),
        moving_time_s: facts.moving_time_s.max(0),
        elapsed_time_s: facts.elapsed_time_s.max(0),
        elevation_gain_dm: facts.elevation_gain_dm.max(0),
        average_speed_mm_s: facts.average_speed_mm_s,
        max_speed_mm_s: facts.max_speed_mm_s,
        average_heartrate_dbpm: facts.average_heartrate_dbpm,
        max_heartrate_dbpm: facts.max_heartrate_dbpm,
        kudos_count: facts.kudos_count,
        visibility: cut(&facts.visibility, 20),
    })
}

fn cut(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
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

    fn read(message: &ActivityChanged) -> Result<Change, Uncountable> {
        let somebody = AthleteId::from_uuid(uuid::Uuid::from_u128(1));
        Change::read(Some(somebody), (&[], Cause::Live), message)
    }

    #[test]
    fn odd_facts_are_kept_within_what_a_row_holds() {
        let fact = read(&message()).unwrap().fact.unwrap();
        assert_eq!(
            (fact.name.chars().count(), fact.sport.as_str(), fact.distance_dm),
            (255, "Workout", 0)
        );
    }

    #[test]
    fn a_message_without_a_day_is_refused() {
        let mut undated = message();
        undated.facts.as_mut().unwrap().local_date = "21.11.2026".to_owned();
        let refused = read(&undated);
        assert!(
            matches!(refused, Err(Uncountable::Date { field: "local_date", .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn a_removal_needs_no_facts_but_a_change_does() {
        let mut bare = message();
        bare.facts = None;
        assert_eq!(read(&bare), Err(Uncountable::NoFacts));
        bare.removed = true;
        assert_eq!(read(&bare).unwrap().fact, None);
    }
}

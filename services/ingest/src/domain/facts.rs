//! Facts about one activity from one answer of Strava, in integers. No positions.

use aws_lc_rs::digest;
use chrono::NaiveDateTime;
use contracts::activities::ActivityFacts;
use kernel::units::{to_decimetres, to_millimetres_per_second};
use kernel::{Sport, Timestamp};
use serde::{Deserialize, Serialize};
use strava_client::SummaryActivity;

use super::wall_clock::{DateFields, StartTime};

/// Maximum length of a title and an external id in characters: records of the log must stay small.
const MAX_TEXT: usize = 1_000;

/// The visibility of what has expired: nobody is shown it.
const ONLY_ME: &str = "only_me";

/// Facts about one activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) sport: Sport,
    pub(crate) legacy_type: String,
    pub(crate) start_at: Timestamp,
    pub(crate) start_local: NaiveDateTime,
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
    pub(crate) trainer: bool,
    pub(crate) commute: bool,
    pub(crate) manual: bool,
    pub(crate) visibility: String,
    pub(crate) external_id: String,
    /// SHA-256 of what these facts were before all but the numbers that count expired; none before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expired: Option<String>,
}

impl Facts {
    /// Converts a summary; a detail contains one.
    pub(crate) fn from_summary(answer: &SummaryActivity) -> Self {
        let start = StartTime::from_fields(DateFields {
            at: answer.start_date,
            local: answer.start_date_local,
            utc_offset_s: answer.utc_offset,
            zone: answer.timezone_name(),
            has_gps: answer.start_latlng.is_some(),
        });
        Self {
            name: truncate(answer.name.as_deref().unwrap_or_default()),
            sport: answer.sport(),
            legacy_type: answer
                .legacy_type
                .as_deref()
                .unwrap_or_default()
                .chars()
                .take(Sport::MAX_CHARS)
                .collect(),
            start_at: start.at,
            start_local: start.local,
            utc_offset_s: start.utc_offset_s,
            timezone: start.timezone.chars().take(100).collect(),
            distance_dm: answer.distance.map_or(0, to_decimetres).max(0),
            moving_time_s: valid_seconds(answer.moving_time),
            elapsed_time_s: valid_seconds(answer.elapsed_time),
            elevation_gain_dm: answer.total_elevation_gain.map_or(0, to_decimetres).max(0),
            average_speed_mm_s: answer.average_speed.map_or(0, to_millimetres_per_second),
            max_speed_mm_s: answer.max_speed.map_or(0, to_millimetres_per_second),
            average_heartrate_dbpm: answer.average_heartrate.map(to_decimetres),
            max_heartrate_dbpm: answer.max_heartrate.map(to_decimetres),
            kudos_count: answer.kudos_count.unwrap_or(0),
            trainer: answer.trainer,
            commute: answer.commute,
            manual: answer.manual,
            visibility: answer.effective_visibility().as_str().to_owned(),
            external_id: truncate(answer.external_id.as_deref().unwrap_or_default()),
            expired: None,
        }
    }

    /// Keeps what is counted and what tells the activity from others: sport, start, distance, times and elevation gain.
    pub(crate) fn expire(&mut self) {
        if self.expired.is_some() {
            return;
        }
        let digest = self.digest();
        *self = Self {
            sport: self.sport.clone(),
            start_at: self.start_at,
            start_local: self.start_local,
            utc_offset_s: self.utc_offset_s,
            timezone: std::mem::take(&mut self.timezone),
            distance_dm: self.distance_dm,
            moving_time_s: self.moving_time_s,
            elapsed_time_s: self.elapsed_time_s,
            elevation_gain_dm: self.elevation_gain_dm,
            expired: Some(digest),
            name: String::new(),
            legacy_type: String::new(),
            average_speed_mm_s: 0,
            max_speed_mm_s: 0,
            average_heartrate_dbpm: None,
            max_heartrate_dbpm: None,
            kudos_count: 0,
            trainer: false,
            commute: false,
            manual: false,
            visibility: ONLY_ME.to_owned(),
            external_id: String::new(),
        };
    }

    /// Returns true if these facts, which were just received, say nothing that `stored` did not, also before it expired.
    pub(crate) fn repeat(&self, stored: &Self) -> bool {
        match &stored.expired {
            Some(digest) => *digest == self.digest(),
            None => self == stored,
        }
    }

    /// SHA-256 of the facts, hex. Kudos change too often to count.
    fn digest(&self) -> String {
        let facts = Self { kudos_count: 0, ..self.clone() };
        let text = serde_json::to_vec(&facts).unwrap_or_default();
        hex::encode(digest::digest(&digest::SHA256, &text))
    }

    /// Returns true if the change from `earlier` is worth a revision: one of kudos is not.
    pub(crate) fn differs_from(&self, earlier: &Self) -> bool {
        let mut earlier = earlier.clone();
        earlier.kudos_count = self.kudos_count;
        *self != earlier
    }

    /// Returns true if the recording itself is another one, so that its streams are to be fetched again.
    pub(crate) fn has_other_recording_than(&self, earlier: &Self) -> bool {
        (self.start_at, self.elapsed_time_s, self.distance_dm)
            != (earlier.start_at, earlier.elapsed_time_s, earlier.distance_dm)
    }

    /// Takes what a device measures from another recording of the activity; of heart rates only those it has.
    /// Returns the names of the facts taken.
    pub(crate) fn take_measured(&mut self, recording: &Self) -> Vec<&'static str> {
        self.distance_dm = recording.distance_dm;
        self.moving_time_s = recording.moving_time_s;
        self.elapsed_time_s = recording.elapsed_time_s;
        self.elevation_gain_dm = recording.elevation_gain_dm;
        self.average_speed_mm_s = recording.average_speed_mm_s;
        self.max_speed_mm_s = recording.max_speed_mm_s;
        let mut taken = vec![
            "distance",
            "moving_time",
            "elapsed_time",
            "elevation_gain",
            "average_speed",
            "max_speed",
        ];
        self.average_heartrate_dbpm =
            self.average_heartrate_dbpm.filter(|_| recording.average_heartrate_dbpm.is_none());
        self.max_heartrate_dbpm =
            self.max_heartrate_dbpm.filter(|_| recording.max_heartrate_dbpm.is_none());
        taken.extend(self.fill_heart_rates(recording));
        taken
    }

    /// Takes the heart rates it lacks from another recording. Returns the names of those taken.
    pub(crate) fn fill_heart_rates(&mut self, recording: &Self) -> Vec<&'static str> {
        let mut filled = Vec::new();
        let rates = [
            (
                "average_heartrate",
                &mut self.average_heartrate_dbpm,
                recording.average_heartrate_dbpm,
            ),
            ("max_heartrate", &mut self.max_heartrate_dbpm, recording.max_heartrate_dbpm),
        ];
        for (name, rate, other) in rates {
            if rate.is_none() && other.is_some() {
                *rate = other;
                filled.push(name);
            }
        }
        filled
    }

    /// Converts the facts to their message.
    pub(crate) fn to_wire(&self, has_details: bool) -> ActivityFacts {
        ActivityFacts {
            name: self.name.clone(),
            sport: self.sport.as_str().to_owned(),
            start_at_us: self.start_at.as_micros(),
            start_local: self.start_local.format("%Y-%m-%dT%H:%M:%S").to_string(),
            local_date: kernel::time::local_date(self.start_local).to_string(),
            utc_offset_s: self.utc_offset_s,
            timezone: self.timezone.clone(),
            distance_dm: self.distance_dm,
            moving_time_s: self.moving_time_s,
            elapsed_time_s: self.elapsed_time_s,
            elevation_gain_dm: self.elevation_gain_dm,
            average_speed_mm_s: self.average_speed_mm_s,
            max_speed_mm_s: self.max_speed_mm_s,
            average_heartrate_dbpm: self.average_heartrate_dbpm,
            max_heartrate_dbpm: self.max_heartrate_dbpm,
            kudos_count: self.kudos_count,
            trainer: self.trainer,
            commute: self.commute,
            manual: self.manual,
            visibility: self.visibility.clone(),
            external_id: self.external_id.clone(),
            legacy_type: self.legacy_type.clone(),
            has_details,
        }
    }
}

fn truncate(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

fn valid_seconds(value: Option<i64>) -> i64 {
    const MAX_SECONDS: i64 = 1_000_000_000;
    value.filter(|seconds| (0..MAX_SECONDS).contains(seconds)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str = r#"{"id":2732944259699241346,"name":"Lauf mit Ümläüten 🏃‍♀️","distance":6764.8,
        "moving_time":2151,"elapsed_time":2178,"total_elevation_gain":34.0,"type":"Run","sport_type":"TrailRun",
        "start_date":"2025-10-19T20:00:00Z","start_date_local":"2025-10-19T16:00:00Z",
        "timezone":"(GMT-05:00) America/New_York","utc_offset":-14400.0,"kudos_count":7,"trainer":false,
        "visibility":"everyone","start_latlng":[40.75533,-74.002571],"average_speed":3.145,
        "max_speed":11.486,"average_heartrate":146.8,"max_heartrate":162.0}"#;

    fn read(change: impl Fn(&mut serde_json::Value)) -> Facts {
        let mut value: serde_json::Value = serde_json::from_str(SUMMARY).unwrap();
        change(&mut value);
        Facts::from_summary(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn a_summary_becomes_integers() {
        let facts = read(|_| {});

        assert_eq!(
            (facts.distance_dm, facts.elevation_gain_dm, facts.max_speed_mm_s),
            (67_648, 340, 11_486)
        );
        assert_eq!(facts.average_heartrate_dbpm, Some(1_468));
        assert_eq!(facts.to_wire(false).start_local, "2025-10-19T16:00:00");
        assert_eq!(facts.timezone, "America/New_York");
    }

    #[test]
    fn what_expired_keeps_what_is_counted_and_nothing_else() {
        let full = read(|_| {});
        let mut expired = full.clone();
        expired.expire();

        let counted = |facts: &Facts| {
            (
                (facts.sport.clone(), facts.start_at, facts.start_local, facts.utc_offset_s),
                (facts.distance_dm, facts.moving_time_s, facts.elapsed_time_s),
                facts.elevation_gain_dm,
            )
        };
        assert_eq!(counted(&expired), counted(&full));
        let text = serde_json::to_string(&expired).unwrap();
        for gone in ["Lauf", "1468", "1620", "11486", "3145", "everyone"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
        let mut again = expired.clone();
        again.expire();
        assert_eq!(again, expired);
    }

    #[test]
    fn a_row_of_the_list_repeats_what_expired_unless_something_changed() {
        let full = read(|_| {});
        let mut stored = full.clone();
        assert!(full.repeat(&stored));
        assert!(!read(|summary| summary["kudos_count"] = 8.into()).repeat(&stored));
        stored.expire();
        assert!(full.repeat(&stored));
        assert!(read(|summary| summary["kudos_count"] = 8.into()).repeat(&stored));
        assert!(!read(|summary| summary["name"] = "Lauf".into()).repeat(&stored));
    }

    #[test]
    fn a_sport_invented_later_is_kept() {
        let facts = read(|summary| summary["sport_type"] = "UnderwaterChess".into());

        assert_eq!(facts.sport.as_str(), "UnderwaterChess");
    }

    #[test]
    fn only_id_and_dates_are_needed() {
        let bare = r#"{"id":1,"start_date":"2025-01-01T10:00:00Z","start_date_local":"2025-01-01T11:00:00Z"}"#;

        let facts = Facts::from_summary(&serde_json::from_str(bare).unwrap());

        assert_eq!(
            (facts.distance_dm, facts.sport.as_str(), facts.utc_offset_s),
            (0, "Workout", 3_600)
        );
    }

    #[test]
    fn a_title_too_long_for_the_log_is_cut_between_characters() {
        let facts = read(|summary| summary["name"] = "🏔".repeat(5_000).into());

        assert_eq!(facts.name.chars().count(), 1_000);
        assert!(prost::Message::encoded_len(&facts.to_wire(true)) < 9_000);
    }

    #[test]
    fn kudos_alone_are_no_news() {
        let before = read(|_| {});
        let kudos = read(|summary| summary["kudos_count"] = 8.into());
        let title = read(|summary| summary["name"] = "Another".into());

        assert!(!kudos.differs_from(&before));
        assert!(title.differs_from(&before));
    }

    #[test]
    fn absurd_numbers_count_nothing() {
        let facts = read(|summary| {
            summary["distance"] = (-5.0).into();
            summary["moving_time"] = (-3).into();
        });

        assert_eq!((facts.distance_dm, facts.moving_time_s), (0, 0));
    }
}

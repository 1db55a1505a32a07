//! Activities: the summary of the list, and the detailed form.

use chrono::{NaiveDateTime, Timelike};
use kernel::{Sport, StravaActivityId, Timestamp};
use serde::Deserialize;

use super::lenient;

/// Visibility of an activity at Strava.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everyone.
    Everyone,
    /// The followers of the athlete.
    Followers,
    /// Only the athlete.
    OnlyMe,
}

impl Visibility {
    /// Returns Strava's name of the visibility.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Followers => "followers_only",
            Self::OnlyMe => "only_me",
        }
    }
}

/// An activity of the list. Strava writes inapplicable fields as absent, null, empty or zero.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SummaryActivity {
    /// Strava's id.
    pub id: StravaActivityId,
    /// Start.
    #[serde(deserialize_with = "lenient::instant")]
    pub start_date: Timestamp,
    /// Local time of the start.
    #[serde(deserialize_with = "lenient::wall_clock")]
    pub start_date_local: NaiveDateTime,
    /// Offset of the local time from UTC in seconds, daylight saving included.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub utc_offset: Option<i64>,
    /// `(GMT-05:00) America/New_York`; see [`Self::timezone_name`].
    #[serde(default, deserialize_with = "lenient::text")]
    pub timezone: Option<String>,
    /// Title.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Sport; see [`Self::sport`].
    #[serde(default, deserialize_with = "lenient::text")]
    pub sport_type: Option<String>,
    /// Sport in the older, coarser list.
    #[serde(default, rename = "type", deserialize_with = "lenient::text")]
    pub legacy_type: Option<String>,
    /// Distance in metres.
    #[serde(default, deserialize_with = "lenient::number")]
    pub distance: Option<f64>,
    /// Moving time in seconds.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub moving_time: Option<i64>,
    /// Elapsed time in seconds.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub elapsed_time: Option<i64>,
    /// Elevation gain in metres.
    #[serde(default, deserialize_with = "lenient::number")]
    pub total_elevation_gain: Option<f64>,
    /// Average speed in m/s.
    #[serde(default, deserialize_with = "lenient::number")]
    pub average_speed: Option<f64>,
    /// Maximum speed in m/s.
    #[serde(default, deserialize_with = "lenient::number")]
    pub max_speed: Option<f64>,
    /// Average heart rate in beats per minute.
    #[serde(default, deserialize_with = "lenient::number")]
    pub average_heartrate: Option<f64>,
    /// Maximum heart rate in beats per minute.
    #[serde(default, deserialize_with = "lenient::number")]
    pub max_heartrate: Option<f64>,
    /// Average cadence per minute: revolutions, or steps of one leg.
    #[serde(default, deserialize_with = "lenient::number")]
    pub average_cadence: Option<f64>,
    /// Average power in watts.
    #[serde(default, deserialize_with = "lenient::number")]
    pub average_watts: Option<f64>,
    /// Number of kudos.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub kudos_count: Option<i64>,
    /// Recorded on a trainer.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub trainer: bool,
    /// A commute.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub commute: bool,
    /// Entered by hand.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub manual: bool,
    /// Older form of `only_me`; see [`Self::effective_visibility`].
    #[serde(default, deserialize_with = "lenient::flag")]
    pub private: bool,
    /// `everyone`, `followers_only`, `only_me`; see [`Self::effective_visibility`].
    #[serde(default, deserialize_with = "lenient::text")]
    pub visibility: Option<String>,
    /// Id given by the uploader.
    #[serde(default, deserialize_with = "lenient::text")]
    pub external_id: Option<String>,
    /// Id of the upload.
    #[serde(default, deserialize_with = "lenient::integer")]
    pub upload_id: Option<i64>,
    /// Recording device.
    #[serde(default, deserialize_with = "lenient::text")]
    pub device_name: Option<String>,
    /// Start position, if known and not hidden.
    #[serde(default, deserialize_with = "lenient::position")]
    pub start_latlng: Option<[f64; 2]>,
}

/// An activity in detail.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct DetailedActivity {
    /// Fields of the list.
    #[serde(flatten)]
    pub summary: SummaryActivity,
    /// Description.
    #[serde(default, deserialize_with = "lenient::text")]
    pub description: Option<String>,
    /// Energy in kilocalories.
    #[serde(default, deserialize_with = "lenient::number")]
    pub calories: Option<f64>,
}

impl SummaryActivity {
    /// Returns the sport: `sport_type`, or `type` in older responses.
    pub fn sport(&self) -> Sport {
        Sport::new(self.sport_type.as_deref().or(self.legacy_type.as_deref()).unwrap_or_default())
    }

    /// Returns the IANA name of the time zone. The offset before it ignores daylight saving. Without GPS
    /// the zone is a guess of Strava.
    pub fn timezone_name(&self) -> Option<&str> {
        let zone = self.timezone.as_deref()?;
        let name = zone.rsplit_once(')').map_or(zone, |(_bracket, name)| name).trim();
        (!name.is_empty()).then_some(name)
    }

    /// Returns the offset from UTC in seconds: as given, or the difference of both start times.
    pub fn utc_offset_s(&self) -> i64 {
        self.utc_offset.unwrap_or_else(|| {
            self.start_date_local.and_utc().timestamp() - self.start_date.as_secs()
        })
    }

    /// Returns the visibility, from `visibility` or the older `private`.
    pub fn effective_visibility(&self) -> Visibility {
        match self.visibility.as_deref() {
            Some("only_me") => Visibility::OnlyMe,
            _ if self.private => Visibility::OnlyMe,
            Some("followers_only") => Visibility::Followers,
            _ => Visibility::Everyone,
        }
    }

    /// Returns true if the athlete hides the start time: then both are one second past midnight.
    pub fn hides_start(&self) -> bool {
        let local = self.start_date_local.time();
        local.num_seconds_from_midnight() == 1
            && self.start_date.to_utc().time().num_seconds_from_midnight() == 1
    }
}

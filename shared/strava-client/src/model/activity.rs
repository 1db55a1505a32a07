//! An activity as the list shows it, and as its own page does.

use chrono::{NaiveDateTime, Timelike};
use kernel::{Sport, StravaActivityId, Timestamp};
use serde::Deserialize;

use super::lenient;

/// Who may see it at Strava.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everyone.
    Everyone,
    /// Followers only.
    Followers,
    /// The athlete only.
    OnlyMe,
}

impl Visibility {
    /// Strava's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Followers => "followers_only",
            Self::OnlyMe => "only_me",
        }
    }
}

/// An activity as the list shows it. What does not apply is absent, null, empty or zero: all the same here.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct SummaryActivity {
    /// Strava's number of it.
    pub id: StravaActivityId,
    /// When it began.
    #[serde(deserialize_with = "lenient::instant")]
    pub start_date: Timestamp,
    /// What the athlete's clock showed then.
    #[serde(deserialize_with = "lenient::wall_clock")]
    pub start_date_local: NaiveDateTime,
    /// Seconds the athlete's clock was ahead of UTC, summer time included.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub utc_offset: Option<i64>,
    /// `(GMT-05:00) America/New_York`; see [`Self::timezone_name`].
    #[serde(default, deserialize_with = "lenient::text")]
    pub timezone: Option<String>,
    /// The title.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// The sport; see [`Self::sport`].
    #[serde(default, deserialize_with = "lenient::text")]
    pub sport_type: Option<String>,
    /// The old, coarse sport.
    #[serde(default, rename = "type", deserialize_with = "lenient::text")]
    pub legacy_type: Option<String>,
    /// Metres.
    #[serde(default, deserialize_with = "lenient::number")]
    pub distance: Option<f64>,
    /// Seconds.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub moving_time: Option<i64>,
    /// Seconds.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub elapsed_time: Option<i64>,
    /// Metres.
    #[serde(default, deserialize_with = "lenient::number")]
    pub total_elevation_gain: Option<f64>,
    /// Metres a second.
    #[serde(default, deserialize_with = "lenient::number")]
    pub average_speed: Option<f64>,
    /// Metres a second.
    #[serde(default, deserialize_with = "lenient::number")]
    pub max_speed: Option<f64>,
    /// Beats a minute.
    #[serde(default, deserialize_with = "lenient::number")]
    pub average_heartrate: Option<f64>,
    /// Beats a minute.
    #[serde(default, deserialize_with = "lenient::number")]
    pub max_heartrate: Option<f64>,
    /// Turns or steps per leg a minute.
    #[serde(default, deserialize_with = "lenient::number")]
    pub average_cadence: Option<f64>,
    /// Watts.
    #[serde(default, deserialize_with = "lenient::number")]
    pub average_watts: Option<f64>,
    /// How many liked it.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub kudos_count: Option<i64>,
    /// Indoors.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub trainer: bool,
    /// On the way to work.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub commute: bool,
    /// Typed in, not recorded.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub manual: bool,
    /// Only You; see [`Self::visible_to`].
    #[serde(default, deserialize_with = "lenient::flag")]
    pub private: bool,
    /// `everyone`, `followers_only`, `only_me`; see [`Self::visible_to`].
    #[serde(default, deserialize_with = "lenient::text")]
    pub visibility: Option<String>,
    /// What the uploader called it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub external_id: Option<String>,
    /// The upload it was made of.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub upload_id: Option<i64>,
    /// The device.
    #[serde(default, deserialize_with = "lenient::text")]
    pub device_name: Option<String>,
    /// Where it began, if that is known and shown.
    #[serde(default, deserialize_with = "lenient::position")]
    pub start_latlng: Option<[f64; 2]>,
}

/// An activity as its own page shows it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct DetailedActivity {
    /// All that the list shows.
    #[serde(flatten)]
    pub summary: SummaryActivity,
    /// The athlete's own words.
    #[serde(default, deserialize_with = "lenient::text")]
    pub description: Option<String>,
    /// Kilocalories.
    #[serde(default, deserialize_with = "lenient::number")]
    pub calories: Option<f64>,
}

impl SummaryActivity {
    /// The sport: `sport_type`, or the old `type` where an old answer lacks it.
    pub fn sport(&self) -> Sport {
        Sport::new(self.sport_type.as_deref().or(self.legacy_type.as_deref()).unwrap_or_default())
    }

    /// The zone's name without the bracket, which ignores summer time. Without GPS it is a guess.
    pub fn timezone_name(&self) -> Option<&str> {
        let zone = self.timezone.as_deref()?;
        let name = zone.rsplit_once(')').map_or(zone, |(_bracket, name)| name).trim();
        (!name.is_empty()).then_some(name)
    }

    /// Seconds ahead of UTC: what Strava says, or what both dates say.
    pub fn utc_offset_s(&self) -> i64 {
        self.utc_offset.unwrap_or_else(|| {
            self.start_date_local.and_utc().timestamp() - self.start_date.as_secs()
        })
    }

    /// Who may see it.
    pub fn effective_visibility(&self) -> Visibility {
        match self.visibility.as_deref() {
            Some("only_me") => Visibility::OnlyMe,
            _ if self.private => Visibility::OnlyMe,
            Some("followers_only") => Visibility::Followers,
            _ => Visibility::Everyone,
        }
    }

    /// Whether the athlete hides when it began: then both dates say one second past midnight.
    pub fn hides_start(&self) -> bool {
        let local = self.start_date_local.time();
        local.num_seconds_from_midnight() == 1
            && self.start_date.to_utc().time().num_seconds_from_midnight() == 1
    }
}

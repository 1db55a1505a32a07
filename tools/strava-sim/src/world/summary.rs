//! Strava's `SummaryActivity`, field for field.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A field that may be left out, sent as null, or sent with a value: Strava does all three.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum OptionalField<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> OptionalField<T> {
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }
}

impl<T: Serialize> Serialize for OptionalField<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OptionalField<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

/// Strava's `MetaAthlete`: an id and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct MetaAthlete {
    pub(crate) id: i64,
    pub(crate) resource_state: u8,
}

/// Strava's `PolylineMap`: the course of an activity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PolylineMap {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) polyline: Option<String>,
    pub(crate) summary_polyline: String,
    pub(crate) resource_state: u8,
}

/// Strava's `SummaryActivity`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SummaryActivity {
    pub(crate) resource_state: u8,
    pub(crate) athlete: MetaAthlete,
    pub(crate) name: String,
    pub(crate) distance: f64,
    pub(crate) moving_time: i64,
    pub(crate) elapsed_time: i64,
    pub(crate) total_elevation_gain: f64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) sport_type: String,
    #[serde(default, skip_serializing_if = "OptionalField::is_absent")]
    pub(crate) workout_type: OptionalField<i64>,
    pub(crate) id: i64,
    pub(crate) start_date: String,
    pub(crate) start_date_local: String,
    pub(crate) timezone: String,
    pub(crate) utc_offset: f64,
    pub(crate) location_city: Option<String>,
    pub(crate) location_state: Option<String>,
    pub(crate) location_country: Option<String>,
    pub(crate) achievement_count: i64,
    pub(crate) kudos_count: i64,
    pub(crate) comment_count: i64,
    pub(crate) athlete_count: i64,
    pub(crate) photo_count: i64,
    pub(crate) map: PolylineMap,
    pub(crate) trainer: bool,
    pub(crate) commute: bool,
    pub(crate) manual: bool,
    pub(crate) private: bool,
    pub(crate) visibility: String,
    pub(crate) flagged: bool,
    pub(crate) gear_id: Option<String>,
    #[serde(default, skip_serializing_if = "OptionalField::is_absent")]
    pub(crate) start_latlng: OptionalField<Vec<f64>>,
    #[serde(default, skip_serializing_if = "OptionalField::is_absent")]
    pub(crate) end_latlng: OptionalField<Vec<f64>>,
    pub(crate) average_speed: f64,
    pub(crate) max_speed: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) average_cadence: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) average_watts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_watts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) weighted_average_watts: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kilojoules: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_watts: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) average_temp: Option<i64>,
    pub(crate) has_heartrate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) average_heartrate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_heartrate: Option<f64>,
    pub(crate) heartrate_opt_out: bool,
    pub(crate) display_hide_heartrate_option: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) elev_high: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) elev_low: Option<f64>,
    pub(crate) upload_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upload_id_str: Option<String>,
    pub(crate) external_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_name: Option<String>,
    pub(crate) from_accepted_tag: bool,
    pub(crate) pr_count: i64,
    pub(crate) total_photo_count: i64,
    pub(crate) has_kudoed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suffer_score: Option<f64>,
}

impl SummaryActivity {
    /// A summary without any measurement.
    pub(crate) fn new(id: i64, athlete: i64, sport_type: &str) -> Self {
        Self {
            resource_state: 2,
            athlete: MetaAthlete { id: athlete, resource_state: 1 },
            kind: legacy_type(sport_type).to_owned(),
            sport_type: sport_type.to_owned(),
            workout_type: OptionalField::Null,
            id,
            athlete_count: 1,
            map: PolylineMap { id: format!("a{id}"), resource_state: 2, ..PolylineMap::default() },
            visibility: "everyone".to_owned(),
            start_latlng: OptionalField::Value(Vec::new()),
            end_latlng: OptionalField::Value(Vec::new()),
            ..Self::default()
        }
    }

    /// Records the upload that the activity came from.
    pub(crate) fn set_upload(&mut self, upload_id: i64, external_id: impl Into<String>) {
        self.upload_id = Some(upload_id);
        self.upload_id_str = Some(upload_id.to_string());
        self.external_id = Some(external_id.into());
    }

    /// Records an upload such as Garmin Connect makes.
    pub(crate) fn set_device_upload(&mut self) {
        let external_id = format!("garmin_ping_{}", self.id % 1_000_000_007);
        self.set_upload(self.id + 1_000_000_000, external_id);
    }

    /// Sets the visibility and the flag `private` that goes with it.
    pub(crate) fn set_visibility(&mut self, visibility: &str) {
        visibility.clone_into(&mut self.visibility);
        self.private = visibility == "only_me";
    }

    /// Sets the sport type and the deprecated `type` that goes with it.
    pub(crate) fn set_sport(&mut self, sport_type: &str) {
        sport_type.clone_into(&mut self.sport_type);
        legacy_type(sport_type).clone_into(&mut self.kind);
    }
}

/// The sport types of Strava's definition of 2026.
#[rustfmt::skip]
pub(crate) const SPORT_TYPES: [&str; 56] = [
    "AlpineSki", "BackcountrySki", "Badminton", "Basketball", "Canoeing", "Cricket", "Crossfit",
    "Dance", "EBikeRide", "Elliptical", "EMountainBikeRide", "Golf", "GravelRide", "Handcycle",
    "HighIntensityIntervalTraining", "Hike", "IceSkate", "InlineSkate", "Kayaking", "Kitesurf",
    "MountainBikeRide", "NordicSki", "Padel", "PhysicalTherapy", "Pickleball", "Pilates",
    "Racquetball", "Ride", "RockClimbing", "RollerSki", "Rowing", "Run", "Sail", "Skateboard",
    "Snowboard", "Snowshoe", "Soccer", "Squash", "StairStepper", "StandUpPaddling", "Surfing",
    "Swim", "TableTennis", "Tennis", "TrailRun", "Velomobile", "VirtualRide", "VirtualRow",
    "VirtualRun", "Volleyball", "Walk", "WeightTraining", "Wheelchair", "Windsurf", "Workout",
    "Yoga",
];

/// The sport types that the deprecated field `type` does not know.
#[rustfmt::skip]
const NEWER_SPORT_TYPES: [&str; 14] = [
    "Badminton", "Basketball", "Cricket", "Dance", "HighIntensityIntervalTraining", "Padel", "PhysicalTherapy",
    "Pickleball", "Pilates", "Racquetball", "Squash", "TableTennis", "Tennis", "Volleyball",
];

/// The value of the deprecated field `type` for a sport type.
pub(crate) fn legacy_type(sport_type: &str) -> &str {
    match sport_type {
        "TrailRun" => "Run",
        "MountainBikeRide" | "GravelRide" => "Ride",
        "EMountainBikeRide" => "EBikeRide",
        "VirtualRow" => "Rowing",
        known if SPORT_TYPES.contains(&known) && !NEWER_SPORT_TYPES.contains(&known) => known,
        _ => "Workout",
    }
}

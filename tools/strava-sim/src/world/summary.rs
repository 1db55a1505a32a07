//! The summary of an activity, field for field as Strava sends it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A field that may be left out, sent as null, or sent with a value: Strava does all three.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Field<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Field<T> {
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

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}

/// An id and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) id: i64,
    pub(crate) resource_state: u8,
}

/// The map of an activity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Map {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) polyline: Option<String>,
    pub(crate) summary_polyline: String,
    pub(crate) resource_state: u8,
}

/// A `SummaryActivity`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) resource_state: u8,
    pub(crate) athlete: Meta,
    pub(crate) name: String,
    pub(crate) distance: f64,
    pub(crate) moving_time: i64,
    pub(crate) elapsed_time: i64,
    pub(crate) total_elevation_gain: f64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) sport_type: String,
    #[serde(default, skip_serializing_if = "Field::is_absent")]
    pub(crate) workout_type: Field<i64>,
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
    pub(crate) map: Map,
    pub(crate) trainer: bool,
    pub(crate) commute: bool,
    pub(crate) manual: bool,
    pub(crate) private: bool,
    pub(crate) visibility: String,
    pub(crate) flagged: bool,
    pub(crate) gear_id: Option<String>,
    #[serde(default, skip_serializing_if = "Field::is_absent")]
    pub(crate) start_latlng: Field<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Field::is_absent")]
    pub(crate) end_latlng: Field<Vec<f64>>,
    pub(crate) average_speed: f64,
    pub(crate) max_speed: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) average_cadence: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) average_watts: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_watts: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) weighted_average_watts: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kilojoules: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device_watts: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) average_temp: Option<i64>,
    pub(crate) has_heartrate: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) average_heartrate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_heartrate: Option<f64>,
    pub(crate) heartrate_opt_out: bool,
    pub(crate) display_hide_heartrate_option: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) elev_high: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) elev_low: Option<f64>,
    pub(crate) upload_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upload_id_str: Option<String>,
    pub(crate) external_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device_name: Option<String>,
    pub(crate) from_accepted_tag: bool,
    pub(crate) pr_count: i64,
    pub(crate) total_photo_count: i64,
    pub(crate) has_kudoed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) suffer_score: Option<f64>,
}

impl Summary {
    /// A summary with nothing measured.
    pub(crate) fn blank(id: i64, athlete: i64, sport_type: &str) -> Self {
        Self {
            resource_state: 2,
            athlete: Meta { id: athlete, resource_state: 1 },
            kind: coarse(sport_type).to_owned(),
            sport_type: sport_type.to_owned(),
            workout_type: Field::Null,
            id,
            athlete_count: 1,
            map: Map { id: format!("a{id}"), resource_state: 2, ..Map::default() },
            visibility: "everyone".to_owned(),
            start_latlng: Field::Value(Vec::new()),
            end_latlng: Field::Value(Vec::new()),
            ..Self::default()
        }
    }

    /// Sets the visibility and the flag that goes with it.
    pub(crate) fn set_visibility(&mut self, visibility: &str) {
        visibility.clone_into(&mut self.visibility);
        self.private = visibility == "only_me";
    }

    /// Sets the sport and the old coarse value that goes with it.
    pub(crate) fn set_sport(&mut self, sport_type: &str) {
        sport_type.clone_into(&mut self.sport_type);
        coarse(sport_type).clone_into(&mut self.kind);
    }
}

/// The 56 sport types of the definition of 2026.
pub(crate) const SPORT_TYPES: [&str; 56] = [
    "AlpineSki",
    "BackcountrySki",
    "Badminton",
    "Basketball",
    "Canoeing",
    "Cricket",
    "Crossfit",
    "Dance",
    "EBikeRide",
    "Elliptical",
    "EMountainBikeRide",
    "Golf",
    "GravelRide",
    "Handcycle",
    "HighIntensityIntervalTraining",
    "Hike",
    "IceSkate",
    "InlineSkate",
    "Kayaking",
    "Kitesurf",
    "MountainBikeRide",
    "NordicSki",
    "Padel",
    "PhysicalTherapy",
    "Pickleball",
    "Pilates",
    "Racquetball",
    "Ride",
    "RockClimbing",
    "RollerSki",
    "Rowing",
    "Run",
    "Sail",
    "Skateboard",
    "Snowboard",
    "Snowshoe",
    "Soccer",
    "Squash",
    "StairStepper",
    "StandUpPaddling",
    "Surfing",
    "Swim",
    "TableTennis",
    "Tennis",
    "TrailRun",
    "Velomobile",
    "VirtualRide",
    "VirtualRow",
    "VirtualRun",
    "Volleyball",
    "Walk",
    "WeightTraining",
    "Wheelchair",
    "Windsurf",
    "Workout",
    "Yoga",
];

/// The old coarse value of a sport type.
pub(crate) fn coarse(sport_type: &str) -> &str {
    match sport_type {
        "TrailRun" => "Run",
        "MountainBikeRide" | "GravelRide" => "Ride",
        "EMountainBikeRide" => "EBikeRide",
        "VirtualRow" => "Rowing",
        "Badminton"
        | "Basketball"
        | "Cricket"
        | "Dance"
        | "HighIntensityIntervalTraining"
        | "Padel"
        | "PhysicalTherapy"
        | "Pickleball"
        | "Pilates"
        | "Racquetball"
        | "Squash"
        | "TableTennis"
        | "Tennis"
        | "Volleyball" => "Workout",
        known if SPORT_TYPES.contains(&known) => known,
        _ => "Workout",
    }
}

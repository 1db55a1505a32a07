//! Strava's sport types, kept as text, so that types unknown to us still count.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A sport as Strava's `sport_type` names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sport(String);

/// Strava's sport types as of 2026.
pub const KNOWN_SPORTS: [&str; 56] = [
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

/// The sports that `stats/ytd` counts as running.
pub const RUN_SPORTS: [&str; 3] = ["Run", "TrailRun", "VirtualRun"];
/// The sports that `stats/ytd` counts as riding.
pub const RIDE_SPORTS: [&str; 6] =
    ["Ride", "GravelRide", "MountainBikeRide", "VirtualRide", "Handcycle", "Velomobile"];

impl Sport {
    /// Maximum number of characters; a longer name is cut.
    pub const MAX_CHARS: usize = 50;

    /// Creates the sport of this name; a blank one becomes `Workout`, as at Strava.
    pub fn new(name: &str) -> Self {
        let name = name.trim();
        if name.is_empty() {
            Self("Workout".to_owned())
        } else {
            Self(name.chars().take(Self::MAX_CHARS).collect())
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if it is one of Strava's sport types as of 2026.
    pub fn is_known(&self) -> bool {
        KNOWN_SPORTS.contains(&self.as_str())
    }

    /// Returns true if it counts as running.
    pub fn is_run(&self) -> bool {
        RUN_SPORTS.contains(&self.as_str())
    }

    /// Returns true if it counts as riding.
    pub fn is_ride(&self) -> bool {
        RIDE_SPORTS.contains(&self.as_str())
    }
}

impl fmt::Display for Sport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

//! Strava's sport types, kept as words: a sport invented later still counts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A sport as Strava's `sport_type` names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sport(String);

/// Strava's sport types as of 2026.
pub const KNOWN: [&str; 56] = [
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

/// What `stats/ytd` counts as running.
pub const RUNS: [&str; 3] = ["Run", "TrailRun", "VirtualRun"];
/// What `stats/ytd` counts as riding.
pub const RIDES: [&str; 6] =
    ["Ride", "GravelRide", "MountainBikeRide", "VirtualRide", "Handcycle", "Velomobile"];

impl Sport {
    /// The longest word kept; a longer one is cut.
    pub const MAX_CHARS: usize = 50;

    /// The sport of this name; a blank one is a `Workout`, as Strava has it.
    pub fn new(name: &str) -> Self {
        let name = name.trim();
        if name.is_empty() {
            Self("Workout".to_owned())
        } else {
            Self(name.chars().take(Self::MAX_CHARS).collect())
        }
    }

    /// The word itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether Strava's definition of 2026 knows it.
    pub fn is_known(&self) -> bool {
        KNOWN.contains(&self.as_str())
    }

    /// Whether it counts as running.
    pub fn is_run(&self) -> bool {
        RUNS.contains(&self.as_str())
    }

    /// Whether it counts as riding.
    pub fn is_ride(&self) -> bool {
        RIDES.contains(&self.as_str())
    }
}

impl fmt::Display for Sport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

//! The athlete of a token response and of `GET /athlete`.

use kernel::StravaAthleteId;
use serde::{Deserialize, Serialize};

use super::lenient;

/// A Strava athlete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AthleteSummary {
    /// Strava's id.
    pub id: StravaAthleteId,
    /// User name in URLs.
    #[serde(default, deserialize_with = "lenient::text")]
    pub username: Option<String>,
    /// Given name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub firstname: Option<String>,
    /// Family name, possibly shortened.
    #[serde(default, deserialize_with = "lenient::text")]
    pub lastname: Option<String>,
}

//! An athlete as the token answer and `GET /athlete` show them.

use kernel::StravaAthleteId;
use serde::{Deserialize, Serialize};

use super::lenient;

/// Who granted access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AthleteSummary {
    /// Strava's number of them.
    pub id: StravaAthleteId,
    /// The chosen name in addresses.
    #[serde(default, deserialize_with = "lenient::text")]
    pub username: Option<String>,
    /// Given name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub firstname: Option<String>,
    /// Family name, possibly shortened.
    #[serde(default, deserialize_with = "lenient::text")]
    pub lastname: Option<String>,
}

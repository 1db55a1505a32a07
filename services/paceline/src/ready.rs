//! What the program says once it serves: one JSON line with every address.

use serde::{Deserialize, Serialize};

/// The line on standard output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Always true.
    pub ready: bool,
    /// Where people, scripts and Strava reach us on this machine.
    pub url: String,
    /// Where probes, metrics and internal calls are served.
    pub ops_url: String,
    /// How the world reaches us, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Where the interface is described for people.
    pub docs_url: String,
    /// Which log serves: `built-in` or `kafka`.
    pub log: String,
    /// The services that run.
    pub services: Vec<String>,
}

//! The ready message: one JSON line with every address.

use serde::{Deserialize, Serialize};

/// The line on standard output, printed when the program serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Always true.
    pub ready: bool,
    /// Address of the public listener on this machine.
    pub url: String,
    /// Address of the operations listener: probes, metrics, internal calls.
    pub ops_url: String,
    /// Public address, if one is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Address of the interactive API documentation.
    pub docs_url: String,
    /// The log in use: `built-in` or `kafka`.
    pub log: String,
    /// Names of the running services.
    pub services: Vec<String>,
}

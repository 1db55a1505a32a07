//! The settings of this service and their defaults.

use serde::Deserialize;

/// Name of the service, its database and its settings section.
pub(crate) const NAME: &str = "identity";

/// The section `identity`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Lifetime of a session's access token, in seconds.
    pub session_s: i64,
    /// Number of wrong passwords in a row that lock an account for `lockout_s`.
    pub attempts: i64,
    /// Duration of a lockout, in seconds.
    pub lockout_s: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { session_s: 3600, attempts: 8, lockout_s: 300 }
    }
}

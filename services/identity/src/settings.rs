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
    /// Number of wrong passwords within `lockout_s` that lock an account; one client has half of them.
    pub attempts: i64,
    /// Time from the first wrong password until the count begins anew and a lock ends, in seconds.
    pub lockout_s: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { session_s: 3600, attempts: 16, lockout_s: 300 }
    }
}

//! What can be set, with what it is unless set.

use serde::Deserialize;

/// The section `identity`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How long a session's access token lives, in seconds.
    pub session_s: i64,
    /// How many wrong passwords in a row lock an account for `lockout_s`.
    pub attempts: i64,
    /// For how long an account stays locked, in seconds.
    pub lockout_s: i64,
    /// Whether the database is migrated at start.
    pub migrate: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { session_s: 3600, attempts: 8, lockout_s: 300, migrate: true }
    }
}

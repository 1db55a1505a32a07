//! Settings in layers: defaults < file < environment < flags; secrets from files; a redacted print.
#![warn(missing_docs)]

mod environment;
mod error;
mod loader;
mod redact;

pub use environment::ALIASES;
pub use error::SettingsError;
pub use loader::{Line, Loaded, Loader};

use serde::{Deserialize, Deserializer};

/// Reads an optional setting whose default is the empty text: empty is none.
pub fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

/// Reads a list written as text with commas; empty is none.
pub fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect())
}

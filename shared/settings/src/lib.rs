//! Settings in layers: defaults < file < environment < flags; secrets from files; a redacted listing.
#![warn(missing_docs)]

mod environment;
mod error;
mod loader;
mod redact;

pub use environment::ALIASES;
pub use error::SettingsError;
pub use loader::{EffectiveSetting, Loaded, Loader};

use serde::{Deserialize, Deserializer};

/// Deserializes a list: text with commas, as in variables and flags, or a list, as in a settings file.
pub fn deserialize_list<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a list, or text with commas")]
    enum Either {
        Text(String),
        List(Vec<String>),
    }
    let parts = match Either::deserialize(deserializer)? {
        Either::Text(text) => text.split(',').map(str::to_owned).collect(),
        Either::List(list) => list,
    };
    Ok(parts
        .iter()
        .map(|part| part.trim())
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect())
}

//! A wrong setting names its key, where it came from, and what it should be.

use std::path::PathBuf;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("cannot read the settings file {}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The settings file is not TOML.
    #[error("the settings file {} is not TOML: {message}", .path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
    /// Nobody knows this key.
    #[error("{source_name} sets {key}, which is no setting{}", .meant.as_ref().map(|meant| format!("; {meant} may be meant")).unwrap_or_default())]
    Unknown {
        /// The key.
        key: String,
        /// Where it came from.
        source_name: String,
        /// The nearest key there is.
        meant: Option<String>,
    },
    /// A value that cannot be.
    #[error("{key}, set by {source_name}, is wrong: {message}")]
    Wrong {
        /// The key.
        key: String,
        /// Where it came from.
        source_name: String,
        /// What it should be.
        message: String,
    },
    /// The file of a secret cannot be read.
    #[error("{source_name} names {}, which cannot be read: {source}", .path.display())]
    SecretFile {
        /// What names it.
        source_name: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Everybody may read the file of a secret.
    #[error("{source_name} names {}, which everybody may read: `chmod 600` it, or set PACELINE_ALLOW_WORLD_READABLE_SECRETS=true", .path.display())]
    SecretFileOpen {
        /// What names it.
        source_name: String,
        /// The file.
        path: PathBuf,
    },
    /// The built-in defaults are broken: a fault of ours.
    #[error("the built-in defaults are broken: {0}")]
    Defaults(String),
}

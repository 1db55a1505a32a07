//! Errors of settings: each names the key, its source, and the remedy.

use std::path::PathBuf;

/// The reason why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("cannot read the settings file {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The settings file is not TOML.
    #[error("the settings file {} is not TOML: {message}", .path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// The parser's message.
        message: String,
    },
    /// The key does not exist.
    #[error("{source_name} sets {key}, which is not a setting{}", .nearest.as_ref().map(|nearest| format!("; {nearest} may be meant")).unwrap_or_default())]
    Unknown {
        /// The key.
        key: String,
        /// The file, variable or flag that set it.
        source_name: String,
        /// The most similar key.
        nearest: Option<String>,
    },
    /// The value is invalid.
    #[error("{key}, set by {source_name}, is invalid: {message}")]
    Invalid {
        /// The key.
        key: String,
        /// The file, variable or flag that set it.
        source_name: String,
        /// The expected value.
        message: String,
    },
    /// The file of a secret cannot be read.
    #[error("{source_name} names {}, which cannot be read", .path.display())]
    SecretFile {
        /// The file, variable or flag that names it.
        source_name: String,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file of a secret is world-readable.
    #[error("{source_name} names {}, which everybody may read: run `chmod 600` on it, or set PACELINE_ALLOW_WORLD_READABLE_SECRETS=true", .path.display())]
    SecretFileWorldReadable {
        /// The file, variable or flag that names it.
        source_name: String,
        /// The file.
        path: PathBuf,
    },
    /// The built-in defaults are invalid, which is a bug.
    #[error("the built-in defaults are invalid: {0}")]
    Defaults(String),
}

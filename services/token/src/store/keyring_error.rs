//! Errors of the keys that seal tokens.

use std::io;
use std::path::PathBuf;

use outbox::StoreError;

/// The keys cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file cannot be read or created.
    #[error("the key file {file} cannot be used")]
    File {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line is not `ID BASE64`, with 32 bytes in the base64.
    #[error("line {0} of the key file is not a key id and 32 bytes in base64")]
    Line(usize),
    /// The file holds no key.
    #[error("the key file holds no key")]
    Empty,
    /// The stored tokens could not be read.
    #[error("it could not be checked that they open the stored tokens")]
    Store(#[from] StoreError),
    /// Tokens are sealed with keys that are not there.
    #[error(
        "stored tokens are sealed with the key {key}, and {place} does not hold it; nothing was changed: \
         bring the key back (docs/runbooks/rotate-keys.md), or name it in token.lost_keys to let \
         its athletes connect again"
    )]
    Missing {
        /// Id of the key.
        key: String,
        /// Place of the keys.
        place: String,
    },
    /// There is no key file, though this database had a key already.
    #[error(
        "{place} is missing, and this database was used with the key {key}; nothing was changed and no new key was \
         made: bring the file back (docs/runbooks/rotate-keys.md), or name the key in token.lost_keys to begin \
         with a new one"
    )]
    NoFile {
        /// Id of a key.
        key: String,
        /// Place of the keys.
        place: String,
    },
    /// The key of this id is not the one that sealed the tokens.
    #[error(
        "the key {key} in {place} is not the one that sealed the stored tokens; nothing was changed: \
         bring the right one back (docs/runbooks/rotate-keys.md)"
    )]
    Wrong {
        /// Id of the key.
        key: String,
        /// Place of the keys.
        place: String,
    },
}

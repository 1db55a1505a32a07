//! The token service's tables.

pub(crate) mod budgets;
pub(crate) mod connections;
pub(crate) mod erasures;
mod key_source;
mod keyring_error;
pub(crate) mod leases;
mod migrations;
pub(crate) mod oauth_states;
mod sealing;
pub(crate) mod sealing_keys;
pub(crate) mod seats;

use kernel::Timestamp;

pub use key_source::KeySource;
pub use keyring_error::KeyringError;
pub(crate) use migrations::migrations;
pub(crate) use sealing::{Keyring, TokenKind, fingerprint};

/// A column's name and its value.
type ColumnValue = (&'static str, sea_orm::Value);

/// An optional instant as it is stored: microseconds, 0 for none.
fn micros(instant: Option<Timestamp>) -> i64 {
    instant.map_or(0, Timestamp::as_micros)
}

/// A stored optional instant.
fn from_micros(micros: i64) -> Option<Timestamp> {
    (micros != 0).then(|| Timestamp::from_micros(micros))
}

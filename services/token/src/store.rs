//! The token service's tables.

pub(crate) mod budgets;
pub(crate) mod connections;
pub(crate) mod leases;
mod migrations;
pub(crate) mod oauth_states;
mod sealing;

pub(crate) use migrations::migrations;
pub use sealing::{Keyring, KeyringError};
pub(crate) use sealing::{TokenKind, fingerprint};

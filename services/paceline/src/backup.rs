//! Backups of an installation in one process: databases, log and objects of one moment, keys apart.

mod create;
mod layout;
mod manifest;
mod restore;
mod verify;

pub(crate) use create::create;
pub(crate) use restore::{LedgerChoice, ensure_finished, restore};
pub(crate) use verify::verify;

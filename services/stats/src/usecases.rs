//! The operations of this service, one per file.

pub(crate) mod apply_activity;
pub(crate) mod check_database;
mod context;
pub(crate) mod erase_athlete;
pub(crate) mod published_stats;
pub(crate) mod purge_erased;
pub(crate) mod rebuild;
pub(crate) mod record_connection;
pub(crate) mod summarize;

pub(crate) use context::ServiceContext;

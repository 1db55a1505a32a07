//! The only place that knows the database: accounts.

pub(crate) mod accounts;
pub(crate) mod migrations;

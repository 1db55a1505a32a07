//! The tables of this service, and every statement on them.

pub(crate) mod accounts;
pub(crate) mod migrations;

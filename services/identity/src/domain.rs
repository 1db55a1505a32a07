//! Accounts and passwords: pure rules.

pub(crate) mod account;
pub(crate) mod client;
pub(crate) mod lockout;
pub(crate) mod password;

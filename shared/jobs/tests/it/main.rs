//! What the job table promises, on SQLite and on MariaDB.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod claims;
mod support;
mod wanting;
mod workers;

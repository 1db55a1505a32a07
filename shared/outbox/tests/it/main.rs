//! What the store kit promises, on SQLite and on MariaDB.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod failures;
mod fence;
mod migrations;
mod parked;
mod readiness;
mod relay;
mod replay_state;
mod store_faults;
mod support;
mod transactions;

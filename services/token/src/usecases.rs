//! The operations of this service, one per file.

pub(crate) mod answer_replay;
pub(crate) mod begin_authorize;
pub(crate) mod check_connections;
pub(crate) mod complete_authorize;
mod connection;
mod context;
pub(crate) mod delete_account;
pub(crate) mod disconnect;
pub(crate) mod end_unconnected;
pub(crate) mod erasures;
pub(crate) mod grant_lease;
pub(crate) mod ledger;
pub(crate) mod list_connections;
pub(crate) mod list_receipts;
pub(crate) mod open_keys;
pub(crate) mod record_hint;
pub(crate) mod recover_unreadable;
pub(crate) mod refresh_token;
pub(crate) mod report_lease;
pub(crate) mod reseal_tokens;
pub(crate) mod seats;
pub(crate) mod set_gauges;

pub(crate) use context::{ConnectionLocks, RecentRequesters, ServiceContext};

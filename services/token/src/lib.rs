//! token: connections and their encrypted tokens, the call budget, and the leases that every caller
//! of Strava asks for.
//!
//! Routes: `/strava/authorize`, `/strava/callback` (`/callback`), `/v1/me/connections`; internal
//! `/internal/v1/leases`. Publishes `athletes`; consumes `strava.events` and `replays`.
#![warn(missing_docs)]

mod clients;
mod domain;
mod events;
mod http;
mod metrics;
mod service;
mod settings;
mod store;
mod takeout;
mod usecases;
mod workers;

pub use service::{Dependencies, Service, StartError};
pub use settings::Settings;
pub use store::{KeySource, KeyringError};
pub use usecases::open_keys::check_keys;

/// Failpoints on an activity's way: around each lease.
pub const FAILPOINTS: &[&str] = &["token.lease-granted", "token.report-counted"];

/// Failpoints in the life of a connection.
pub const CONNECTION_FAILPOINTS: &[&str] = &[
    "token.state-taken",
    "token.code-exchanged",
    "token.connected",
    "token.refresh-intended",
    "token.refresh-answered",
    "token.refresh-stored",
    "token.hint-noted",
    "token.connection-ended",
];

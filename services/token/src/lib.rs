//! token: connections and their sealed tokens, the call budget, and the leases that everybody who
//! calls Strava asks for.
//!
//! Doors: `/strava/authorize`, `/strava/callback` (`/callback`), `/v1/me/connections`; internal
//! `/internal/v1/leases`. Publishes `athletes`; consumes `strava.events` and `replays`.
#![warn(missing_docs)]

mod domain;
mod events;
mod http;
mod service;
mod settings;
mod store;
mod usecases;
mod workers;

pub use service::{Parts, Service, StartError};
pub use settings::Settings;
pub use store::{Keyring, KeyringError};

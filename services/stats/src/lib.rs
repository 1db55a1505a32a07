//! Facts, daily totals, and the predecessors' statistics routes.

mod domain;
mod events;
mod http;
mod service;
mod settings;
mod store;
mod usecases;
mod workers;

pub use service::{FAILPOINTS, Parts, Service, StartError};
pub use settings::Settings;

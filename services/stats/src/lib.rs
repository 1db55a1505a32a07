//! Statistics: facts of activities, daily totals, and the routes that show them.

mod domain;
mod events;
mod http;
mod service;
mod settings;
mod store;
mod takeout;
mod usecases;
mod workers;

pub use service::{Dependencies, FAILPOINTS, Service, StartError};
pub use settings::Settings;

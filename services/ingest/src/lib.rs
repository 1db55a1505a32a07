//! Webhook intake, observations, activities, streams, the journal.

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
mod views;
mod workers;

pub use service::{Dependencies, FAILPOINTS, Service, StartError};
pub use settings::Settings;
pub use usecases::make_polls_due::make_polls_due;

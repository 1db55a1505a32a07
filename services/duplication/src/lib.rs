//! Guardian-child links, rules and copies.
//!
//! A link is proposed by a guardian and accepted by a child. From then on, every activity of the
//! guardian that begins later, is seen live or by the sweep, and holds one of the link's names in
//! its title is uploaded once into the child's account: `events` plan copies, `store` keeps them,
//! `workers` upload them and poll the uploads.
#![warn(missing_docs)]

mod clients;
mod domain;
mod events;
mod http;
mod service;
mod settings;
mod store;
mod takeout;
mod usecases;
mod workers;

pub use service::{Dependencies, Service, StartError};
pub use settings::Settings;
pub use usecases::run_copy::FAILPOINTS;

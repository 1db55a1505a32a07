//! Composition of the program: shared dependencies and the services.

pub(crate) mod data_dir;
mod foundation;
mod objects;
mod running_service;
mod services;
mod start;
mod start_context;

pub use foundation::Foundation;
pub(crate) use foundation::{database_target, kafka_settings, log_file};
pub(crate) use services::{SERVICES, ServiceEntry, erasure_services};
pub use services::{ServiceNames, Services, all};
pub(crate) use start::{open_identity, open_token};
pub use start_context::Addresses;
pub(crate) use start_context::StartContext;

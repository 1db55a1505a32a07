//! The program: every service in one process, or any of them alone.
// Five services start in one future; its layout is deeper than the default allows.
#![recursion_limit = "256"]

mod backup;
pub mod cli;
pub mod commands;
mod compose;
mod connection_limits;
mod demo;
mod doctor;
mod generated_secrets;
mod internal_routes;
mod listeners;
mod openapi_responses;
mod ops_client;
mod output;
mod parked;
mod program;
mod program_metrics;
mod public_routes;
mod ready;
mod run_options;
pub mod settings;

pub use compose::{Addresses, Foundation, ServiceNames, Services, all};
pub use program::Program;
pub use ready::Ready;

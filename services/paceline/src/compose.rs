//! Composition of the program: shared dependencies and the services.

mod foundation;
mod objects;
mod services;
mod start;

pub use foundation::{Foundation, database_target};
pub(crate) use services::StartContext;
pub use services::{Addresses, SERVICES, ServiceEntry, ServiceNames, Services, all};
pub(crate) use start::open_identity;

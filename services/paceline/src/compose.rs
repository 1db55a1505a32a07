//! Composition of the program: shared dependencies and the services.

mod foundation;
mod objects;
mod services;
mod start;

pub use foundation::Foundation;
pub(crate) use foundation::database_target;
pub(crate) use services::StartContext;
pub use services::{Addresses, ServiceNames, Services, all};
pub(crate) use services::{SERVICES, ServiceEntry};
pub(crate) use start::open_identity;

//! Composition of the program: shared dependencies and the services.

mod foundation;
mod objects;
mod services;

pub use foundation::Foundation;
pub use services::{Addresses, ServiceNames, Services, all};

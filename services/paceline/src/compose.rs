//! Puts the program together: the foundation all services stand on, and the services.

mod foundation;
mod objects;
mod services;

pub use foundation::Foundation;
pub use services::{Addresses, Services, Wanted, all};

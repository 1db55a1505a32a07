//! Local accounts, their sessions, and the key set that verifies them.

mod domain;
mod events;
mod http;
mod keys;
mod service;
mod settings;
mod store;
mod takeout;
mod usecases;

pub use domain::account::{Account, Email, EmailError};
pub use domain::password::PasswordError;
pub use keys::{KeyError, SigningKeys};
pub use service::{Dependencies, Service, StartError};
pub use settings::Settings;
pub use usecases::add_user::{AddUser, AddUserError};
pub use usecases::remove_user::RemoveUserError;
pub use usecases::set_password::SetPasswordError;

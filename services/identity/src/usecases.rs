//! The operations on accounts, one per file.

pub(crate) mod add_user;
mod attempt_table;
mod context;
mod hashing_queue;
pub(crate) mod list_users;
pub(crate) mod remove_user;
pub(crate) mod revoke_sessions;
pub(crate) mod set_password;
pub(crate) mod set_role;
pub(crate) mod sign_in;

pub(crate) use context::ServiceContext;

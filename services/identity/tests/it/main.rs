//! Accounts and sessions, over HTTP and from the command line.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod accounts;
mod deleted_athletes;
mod keys;
mod sessions;
mod store_faults;
mod test_app;

//! Accounts and sessions as people meet them.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod accounts;
mod gone;
mod keys;
mod sessions;
mod world;

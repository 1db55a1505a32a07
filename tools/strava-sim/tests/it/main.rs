//! The simulator from outside: what a client of Strava may rely on.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod access;
mod admin;
mod faults;
mod harness;
mod lists;
mod oauth;
mod receiver;
mod schema;
mod streams;
mod uploads;
mod webhooks;

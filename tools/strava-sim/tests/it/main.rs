//! The simulator from outside: what a client of Strava may rely on.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod access;
mod admin;
mod faults;

mod lists;
mod oauth;
mod test_app;
mod webhook_receiver;

mod schema;
mod streams;
mod uploads;
mod webhooks;

//! The service as seen from outside: a simulated Strava on one side, the log and HTTP on the other.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod backfill;
mod exports;
mod failpoints;
mod failures;
mod generations;
mod intake;
mod journey;
mod ordering;
mod polling;
mod queries;
mod replays;
mod retention;
mod sessions;
mod sources;
mod store_faults;
mod test_app;

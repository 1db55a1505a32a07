//! The service as others meet it: a simulated Strava on one side, the log and HTTP on the other.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod failpoints;
mod generations;
mod history;
mod intake;
mod journey;
mod orders;
mod replaying;
mod showing;
mod sweeping;
mod troubles;
mod world;

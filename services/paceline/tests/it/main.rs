//! The program as the world meets it: real processes, a simulated Strava, real brokers and databases.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod apart;
mod away;
mod crashing;
mod description;
mod fairness;
mod idle;
mod journey;
mod killing;
mod one_trace;
mod refusing;
mod secrets;
mod starting;
mod troubles;
mod wiped;
mod world;

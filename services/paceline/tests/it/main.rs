//! The program as the world meets it: real processes, a simulated Strava, real brokers and databases.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod description;
mod journey;
mod killing;
mod world;

//! The token service against a simulated Strava, on every engine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod budgets;
mod connecting;
mod crashing;
mod forgetting;
mod leasing;
mod losing_commits;
mod refreshing;
mod replaying;
mod sealing;
mod sessions;
mod store_faults;
mod test_app;
mod withdrawing;

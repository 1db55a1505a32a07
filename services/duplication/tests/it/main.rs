//! Guardians, children and copies, against a simulated Strava.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod copying;
mod erasing;
mod inviting;
mod linking;
mod losing_answers;
mod losing_commits;
mod replaying;
mod sessions;
mod store_faults;
mod test_app;
mod titles;
mod waiting;

//! The program as the app meets it: real processes, a simulated Strava, real brokers and databases.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod authorization;
mod backing_up;
mod crashing;
mod description;
mod documents;
mod ending_accounts;
mod fairness;
mod forgetting;
mod former_release;
mod full_disk;
mod fuzzing;
mod going_back;
mod idle;
mod journey;
mod killing;
mod one_trace;
mod operating;
mod outages;
mod path_prefix;
mod refusing;
mod retention;
mod schemathesis;
mod seats;
mod secrets;
mod separate_processes;
mod sign_in_memory;
mod slow_callers;
mod starting;
mod strava_failures;
mod takeout;
mod test_app;
mod wiped_database;

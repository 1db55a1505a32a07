//! Soft and hard stop, owned tasks, signals, the exit code, and places where a test may kill us.
#![warn(missing_docs)]

mod failpoints;
mod stop;
mod tasks;

pub use failpoints::Failpoints;
pub use stop::Stop;
pub use tasks::{JoinOutcome, Tasks};

//! Soft and hard stop, owned tasks, signals, the exit code, and failpoints.
#![warn(missing_docs)]

mod failpoints;
mod stop;
mod tasks;

pub use failpoints::Failpoints;
pub use stop::Stop;
pub use tasks::{JoinOutcome, Tasks};

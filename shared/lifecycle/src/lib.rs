//! Soft and hard stop, owned tasks, signals, the exit code, and failpoints.
#![warn(missing_docs)]

mod failpoints;
mod stop;
mod stop_signals;
mod tasks;

pub use failpoints::Failpoints;
pub use stop::Stop;
pub use stop_signals::StopSignals;
pub use tasks::{JoinOutcome, Tasks};

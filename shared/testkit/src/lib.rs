//! Test support: databases, brokers, clocks, processes and signed tokens.
#![warn(missing_docs)]
#![expect(clippy::expect_used, reason = "a test may stop at the first surprise")]

mod database;
mod dump;
mod eventually;
mod fuzz;
mod ids;
mod process;
mod servers;
mod signer;

pub use database::{TestDatabase, databases, faulty_databases};
pub use eventually::eventually;
pub use fuzz::fuzz;
pub use ids::SeededIds;
pub use kernel::ManualClock;
pub use process::Process;
pub use servers::{kafka_brokers, topic_prefix};
pub use signer::{TokenSigner, verifier_for};

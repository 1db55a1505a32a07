//! Jobs in the database: claim with lease and fencing epoch, priority, wanted, back-off.
#![warn(missing_docs)]

mod backoff;
mod claim;
mod migrations;
mod queue;
mod view;
mod workers;

pub use backoff::backoff;
pub use claim::Claimed;
pub use migrations::migrations;
pub use queue::{Closed, Later, Queue, Wanted, priority};
pub use view::{JobView, State};
pub use workers::{JobHandler, Outcome, run_workers};

//! Jobs in the database: claim with lease and fencing epoch, priority, wanted, back-off.
#![warn(missing_docs)]

mod backoff;
mod claim;
mod job;
mod migrations;
mod queue;
mod row;
mod view;
mod workers;

pub use backoff::backoff;
pub use job::{ClaimedJob, JobView, State};
pub use migrations::migrations;
pub use queue::{CloseResult, JobRequest, Queue, Retry, priority};
pub use workers::{JobHandler, JobOutcome, METRICS, run_workers};

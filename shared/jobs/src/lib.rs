//! Jobs in the database: claim with lease and fencing epoch, priority, wanted, back-off.
#![warn(missing_docs)]

mod backoff;
mod claim;
mod legacy;
mod migrations;
mod queue;
mod row;
mod view;
mod workers;

pub use backoff::backoff;
pub use claim::{ClaimedJob, ClaimedJob as Claimed};
pub use migrations::migrations;
pub use queue::{
    CloseResult, CloseResult as Closed, JobRequest, JobRequest as Wanted, Queue, Retry,
    Retry as Later, priority,
};
pub use view::{JobView, State};
pub use workers::{JobHandler, JobOutcome, JobOutcome as Outcome, run_workers};

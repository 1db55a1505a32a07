//! Transport-independent consumer engine: order per key, retries, parking, back-pressure and offset settlement.

mod attempt;
mod lanes;
mod offset_tracker;
mod retry_delay;
mod retry_policy;
mod routes;
mod runner;
mod stream;

use std::sync::Arc;

pub(crate) use routes::Routes;
pub(crate) use runner::run;
pub(crate) use stream::{
    Assignment, CommandSender, ConsumerCommand, REVOKE_TIMEOUT, RecordStream, TransportEvent,
};

/// Unsettled records of one partition at which reading it pauses. The watermarks are far apart and
/// high, because on Kafka every pause and resume can cost `fetch.wait.max.ms`.
const HIGH_WATERMARK: usize = 1024;
/// Unsettled records of one partition at which reading it resumes.
const LOW_WATERMARK: usize = 512;
/// Maximum number of records read past the oldest unsettled one of a partition.
const MAX_SPAN: usize = 65_536;

/// Limits of one subscription.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Maximum number of records handled at once.
    pub(crate) lanes: usize,
    /// Failed attempts after which a record is parked.
    pub(crate) max_attempts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { lanes: 8, max_attempts: 5 }
    }
}

/// A consumer group with its handlers and its parking place.
pub(crate) struct ConsumerGroup<P> {
    pub(crate) name: &'static str,
    pub(crate) routes: Arc<Routes>,
    pub(crate) parking: Arc<P>,
    pub(crate) limits: Limits,
}

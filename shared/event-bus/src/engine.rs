//! Transport-independent consumer engine: order per key, retries, parking, back-pressure and offset settlement.

mod attempt;
mod group;
mod group_metrics;
mod lanes;
mod offset_tracker;
mod retry_delay;
mod retry_policy;
mod routes;
mod runner;
mod stream;

pub(crate) use group::{ConsumerGroup, Limits};
pub use group_metrics::METRICS;
pub(crate) use routes::Routes;
pub(crate) use runner::run;
pub(crate) use stream::{
    Assignment, CommandSender, ConsumerCommand, REVOKE_TIMEOUT, RecordStream, TransportEvent,
};

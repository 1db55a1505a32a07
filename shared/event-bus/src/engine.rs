//! The engine: takes records from either transport, keeps order per key, tries, retries, parks and settles.

mod attempt;
mod drive;
mod feed;
mod lanes;
mod ledger;
mod pause;
mod routes;
mod verdict;

use std::sync::Arc;

pub(crate) use drive::drive;
pub(crate) use feed::{Assigned, Commands, Feed, FromLog, REVOKE_PATIENCE, ToLog};
pub(crate) use routes::Routes;

/// How much of one partition is in hand before its reading pauses, and when it goes on. Far apart and
/// high, for on Kafka every pause and resume can cost `fetch.wait.max.ms`.
const HIGH_WATERMARK: usize = 1024;
const LOW_WATERMARK: usize = 512;
/// How far reading may run ahead of a record that does not settle.
const SPAN: usize = 65_536;

/// The limits of one subscription.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) lanes: usize,
    pub(crate) attempts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { lanes: 8, attempts: 5 }
    }
}

/// What a subscription does with the records it is fed.
pub(crate) struct Work<P> {
    pub(crate) group: &'static str,
    pub(crate) routes: Arc<Routes>,
    pub(crate) parking: Arc<P>,
    pub(crate) limits: Limits,
}

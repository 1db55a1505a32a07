//! A consumer group and its limits.

use std::sync::Arc;

use super::routes::Routes;

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

//! Data of an athlete that can expire.

use kernel::Timestamp;

/// Number and age of an athlete's streams, or facts, that can expire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expiring {
    /// Number of activities that have it.
    pub(crate) activities: i64,
    /// The instant at which the first was stored.
    pub(crate) first: Option<Timestamp>,
    /// The instant at which the last was stored.
    pub(crate) last: Option<Timestamp>,
}

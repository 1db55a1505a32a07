//! The rules of counting: facts, days, periods and sums; no I/O.

pub(crate) mod activity_change;
pub(crate) mod connection;
pub(crate) mod period;
pub(crate) mod published_stats;
pub(crate) mod summary;
pub(crate) mod summary_query;
pub(crate) mod sums;
pub(crate) mod zone;

//! What counting means: facts, days, periods and sums; no I/O.

pub(crate) mod connection;
pub(crate) mod fact;
pub(crate) mod period;
pub(crate) mod published;
pub(crate) mod query;
pub(crate) mod summary;
pub(crate) mod sums;
pub(crate) mod zone;

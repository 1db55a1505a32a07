//! The rows as sea-orm sees them.

pub(super) mod connection;
pub(super) mod daily_total;
pub(super) mod fact;
pub(super) mod incarnation;

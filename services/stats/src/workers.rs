//! What runs beside the consumers.

pub(crate) mod watch;

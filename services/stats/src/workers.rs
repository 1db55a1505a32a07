//! The workers that run beside the consumers.

pub(crate) mod database_monitor;

//! Background tasks of the service.

pub(crate) mod copy_worker;
pub(crate) mod replay_monitor;

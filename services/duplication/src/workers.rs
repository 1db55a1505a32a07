//! Background tasks of the service.

pub(crate) mod copy_worker;
pub(crate) mod link_pruner;

//! Background tasks of the service.

pub(crate) mod copy_worker;

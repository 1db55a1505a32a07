//! Background work: jobs, the sweep, the subscription.

pub(crate) mod activity_worker;
pub(crate) mod subscriber;
pub(crate) mod sweeper;

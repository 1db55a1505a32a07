//! What runs beside requests and events: jobs, the sweep, the subscription.

pub(crate) mod looks;
pub(crate) mod subscriber;
pub(crate) mod sweeper;

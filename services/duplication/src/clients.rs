//! What lies outside of the service and is no Strava: the object store.

pub(crate) mod streams;

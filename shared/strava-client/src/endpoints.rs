//! The endpoints of the API, one file per resource.

pub(crate) mod activities;
pub(crate) mod athlete;
pub(crate) mod oauth;
pub(crate) mod streams;
pub(crate) mod subscriptions;
pub(crate) mod uploads;

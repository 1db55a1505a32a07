//! Clients of the object store.

pub(crate) mod streams;

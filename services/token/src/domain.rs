//! Connections, scopes and the call budget: rules without I/O.

pub(crate) mod budget;
pub(crate) mod connection;
pub(crate) mod erasure;
pub(crate) mod scopes;

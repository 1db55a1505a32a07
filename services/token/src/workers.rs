//! Background work: checks of connections.

mod connection_checks;
mod erasures;

pub(crate) use connection_checks::run_connection_checks;
pub(crate) use erasures::run_erasures;

//! Background work: checks of connections.

mod connection_checks;

pub(crate) use connection_checks::run_connection_checks;

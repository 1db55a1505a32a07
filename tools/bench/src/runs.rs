//! The runs, one per file.

pub(crate) mod bus;
pub(crate) mod history;
pub(crate) mod idle;
pub(crate) mod intake;
pub(crate) mod live;
pub(crate) mod ytd;

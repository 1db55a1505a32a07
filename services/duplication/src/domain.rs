//! Links, rules, copies and the files they travel in: pure, without I/O.

pub(crate) mod connection;
pub(crate) mod copy;
pub(crate) mod file;
pub(crate) mod gpx;
pub(crate) mod link;
pub(crate) mod matching;
pub(crate) mod rule;
pub(crate) mod tcx;
pub(crate) mod track;
pub(crate) mod upload;
pub(crate) mod xml;

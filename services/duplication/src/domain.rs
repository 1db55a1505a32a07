//! Links, copy decisions, copies and the files they travel in: pure, without I/O.

pub(crate) mod candidate;
pub(crate) mod connection;
pub(crate) mod copy;
pub(crate) mod external_id;
pub(crate) mod gpx;
pub(crate) mod invitation;
pub(crate) mod link;
pub(crate) mod matching;
pub(crate) mod reason;
pub(crate) mod tcx;
pub(crate) mod track;
pub(crate) mod upload_file;
pub(crate) mod xml;

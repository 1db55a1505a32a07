//! What Strava said, what we make of it, and when to look again: no I/O.

pub(crate) mod activity;
pub(crate) mod connection;
pub(crate) mod facts;
pub(crate) mod hint;
pub(crate) mod import;
pub(crate) mod journal;
pub(crate) mod observation;
pub(crate) mod patience;
pub(crate) mod signature;
pub(crate) mod tracks;
pub(crate) mod wall_clock;

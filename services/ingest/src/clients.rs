//! What ingest calls: Strava, under a lease.

pub(crate) mod strava;

//! Clients of other systems: Strava, called under a lease.

pub(crate) mod strava;

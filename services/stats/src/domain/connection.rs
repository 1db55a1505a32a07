//! A connection between an athlete and a Strava application, as far as counting is concerned.

use kernel::{ApplicationId, AthleteId, Generation, Revision};

/// One connection, as token published it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) athlete: AthleteId,
    pub(crate) application: ApplicationId,
    pub(crate) generation: Generation,
    pub(crate) revision: Revision,
    /// True if Strava grants access.
    pub(crate) connected: bool,
}

//! A connection between an athlete and a Strava application, as far as counting is concerned.

use kernel::{ApplicationId, AthleteId, Generation, Revision};

/// One connection as token told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) athlete: AthleteId,
    pub(crate) application: ApplicationId,
    pub(crate) generation: Generation,
    pub(crate) revision: Revision,
    /// Whether Strava still lets us in.
    pub(crate) connected: bool,
}

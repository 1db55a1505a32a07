//! A connection as token last told it.

use contracts::Origin;
use kernel::{ApplicationId, AthleteId, Generation, StravaAthleteId, Timestamp};

/// Whether Strava may be asked through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Connected,
    ReconnectNeeded,
    Disconnected,
}

/// An athlete's connection to one Strava application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) athlete: AthleteId,
    pub(crate) application: ApplicationId,
    pub(crate) strava_athlete: StravaAthleteId,
    pub(crate) generation: Generation,
    pub(crate) state: State,
    pub(crate) scopes: Vec<String>,
    pub(crate) connected_at: Timestamp,
    pub(crate) reason: String,
    /// token's counter.
    pub(crate) revision: i64,
    pub(crate) head: Head,
    pub(crate) turn: Turn,
}

/// When the newest page of the list was last looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) looked_us: i64,
    pub(crate) tried_us: i64,
    /// A code; empty when the last look succeeded.
    pub(crate) problem: String,
}

/// The page that goes round the whole list, a turn at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) turned_us: i64,
    /// Where it goes on (Unix seconds); none: from the newest.
    pub(crate) before_s: Option<i64>,
}

impl Connection {
    /// What stems from it.
    pub(crate) fn origin(&self) -> Origin {
        Origin { application: self.application, generation: self.generation }
    }

    /// The subject of its jobs.
    pub(crate) fn subject(&self) -> String {
        subject(self.application, self.strava_athlete)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.state == State::Connected
    }
}

/// The subject of the jobs of a connection.
pub(crate) fn subject(application: ApplicationId, strava_athlete: StravaAthleteId) -> String {
    format!("{application}:{strava_athlete}")
}

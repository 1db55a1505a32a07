//! A connection as last published by token.

use contracts::Origin;
use kernel::{ApplicationId, AthleteId, Generation, Source, StravaAthleteId, Timestamp};

/// State of a connection: Strava can be called only through a connected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionState {
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
    pub(crate) state: ConnectionState,
    pub(crate) scopes: Vec<String>,
    pub(crate) connected_at: Timestamp,
    pub(crate) reason: String,
    /// Revision of token's message.
    pub(crate) revision: i64,
    pub(crate) recent_poll: RecentPoll,
    pub(crate) reconcile: ReconcileCursor,
}

/// The last poll of the newest page of the list (microseconds).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecentPoll {
    pub(crate) succeeded_us: i64,
    pub(crate) tried_us: i64,
    /// Reason code of the last failure; empty after a success.
    pub(crate) problem: String,
}

/// Position of the reconciliation, which reads the whole list page by page and starts again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReconcileCursor {
    /// Time of the last page (microseconds).
    pub(crate) reconciled_us: i64,
    /// Bound of the next page (Unix seconds); none: the newest page.
    pub(crate) before_s: Option<i64>,
}

impl Connection {
    /// Returns the origin of data read through the connection.
    pub(crate) fn origin(&self) -> Origin {
        Origin { application: self.application, generation: self.generation }
    }

    /// Returns the source that is read through the connection.
    pub(crate) fn source(&self) -> Source {
        Source::Strava(self.application)
    }

    /// Returns the subject of the jobs of the connection.
    pub(crate) fn subject(&self) -> String {
        format!("{}:{}", self.application, self.strava_athlete)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.state == ConnectionState::Connected
    }
}

impl RecentPoll {
    /// Returns a poll that succeeded at this time.
    pub(crate) fn succeeded(now_us: i64) -> Self {
        Self { succeeded_us: now_us, tried_us: now_us, problem: String::new() }
    }
}

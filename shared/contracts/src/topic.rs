//! The topics, their names and their purposes.

use std::fmt;
use std::str::FromStr;

/// Number of partitions of a topic, unless a test sets fewer.
pub const DEFAULT_PARTITIONS: i32 = 12;

/// A topic of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Hints from Strava's webhook; key "application:owner".
    StravaEvents,
    /// Connections and erases; published by token.
    Athletes,
    /// Removed accounts and revoked sessions; published by identity.
    Accounts,
    /// Confirmations of erases; published by every service.
    Erasures,
    /// Requests of exports, published by ingest, and the answers of every service.
    Exports,
    /// Replay requests; published by a service whose data is incomplete.
    Replays,
    /// Live and swept activities; published by ingest.
    Activities,
    /// Backfilled, imported and replayed activities; published by ingest on a topic of their own, so that they never
    /// delay live ones.
    ActivitiesBulk,
    /// State changes of copies; published by duplication.
    Copies,
    /// Journal entries of live activities; published by every service, stored by ingest.
    Journal,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 10] = [
        Self::StravaEvents,
        Self::Athletes,
        Self::Accounts,
        Self::Erasures,
        Self::Exports,
        Self::Replays,
        Self::Activities,
        Self::ActivitiesBulk,
        Self::Copies,
        Self::Journal,
    ];

    /// Returns the name on the broker (without the prefix of tests).
    pub const fn name(self) -> &'static str {
        match self {
            Self::StravaEvents => "strava.events",
            Self::Athletes => "athletes",
            Self::Accounts => "accounts",
            Self::Erasures => "erasures",
            Self::Exports => "exports",
            Self::Replays => "replays",
            Self::Activities => "activities",
            Self::ActivitiesBulk => "activities.bulk",
            Self::Copies => "copies",
            Self::Journal => "journal",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no topic of this name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no topic is called {0:?}")]
pub struct UnknownTopic(pub String);

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|topic| topic.name() == name)
            .ok_or_else(|| UnknownTopic(name.to_owned()))
    }
}

//! What happened to one activity: keys, codes and numbers, no free text.

use kernel::{ActivityId, ApplicationId, AthleteId, EventId, StravaActivityId, Timestamp};

/// One line of an athlete's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: EventId,
    pub(crate) athlete: AthleteId,
    pub(crate) activity: Option<ActivityId>,
    pub(crate) application: ApplicationId,
    pub(crate) strava: StravaActivityId,
    pub(crate) service: String,
    /// `hinted`, `fetched`, `counted`, `copied`…
    pub(crate) step: String,
    /// `done`, `waiting`, `failed`, `dropped`
    pub(crate) state: String,
    /// A code; empty when there is nothing to explain.
    pub(crate) reason: String,
    pub(crate) attempts: i64,
    /// 0: none planned.
    pub(crate) next_try_us: i64,
    pub(crate) at: Timestamp,
}

//! The journal: steps of the processing of an activity, as keys, codes and numbers. No free text.

use kernel::{ActivityId, AthleteId, EventId, SourceKey, Timestamp};

/// One entry of an athlete's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JournalEntry {
    pub(crate) id: EventId,
    pub(crate) athlete: AthleteId,
    pub(crate) activity: Option<ActivityId>,
    /// None if the service that published it did not know one.
    pub(crate) source: Option<SourceKey>,
    pub(crate) service: String,
    /// `hinted`, `fetched`, `counted`, `copied`…
    pub(crate) step: String,
    /// `done`, `waiting`, `failed`, `dropped`
    pub(crate) state: String,
    /// Reason code; may be empty.
    pub(crate) reason: String,
    pub(crate) attempts: i64,
    /// Time of the next attempt (microseconds); 0 if none is planned.
    pub(crate) next_try_us: i64,
    pub(crate) at: Timestamp,
}

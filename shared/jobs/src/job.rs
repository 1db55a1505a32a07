//! Jobs as operators, the journal and workers see them.

use kernel::{AthleteId, JobId, Timestamp};

/// State of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waiting or running.
    Open,
    /// Done.
    Closed,
    /// Given up.
    Failed,
}

impl State {
    pub(crate) const fn code(self) -> i32 {
        match self {
            Self::Open => 0,
            Self::Closed => 1,
            Self::Failed => 2,
        }
    }

    pub(crate) const fn from_code(code: i32) -> Self {
        match code {
            0 => Self::Open,
            1 => Self::Closed,
            _ => Self::Failed,
        }
    }
}

/// A job as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct JobView {
    /// Id.
    pub id: JobId,
    /// Kind of work.
    pub kind: String,
    /// Subject of the work.
    pub subject: String,
    /// The athlete it belongs to, if any.
    pub athlete: Option<AthleteId>,
    /// Priority; see [`crate::priority`].
    pub priority: i32,
    /// State.
    pub state: State,
    /// The earliest instant of the next attempt.
    pub due: Timestamp,
    /// End of the lease of the worker that holds it; in the past when none does.
    pub lease_until: Timestamp,
    /// Number of requests for it.
    pub wanted: i64,
    /// Number of attempts that did not close it.
    pub attempts: i64,
    /// Error of the last attempt.
    pub last_error: String,
    /// Arguments of the worker.
    pub payload: serde_json::Value,
}

/// A job that a worker holds.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimedJob {
    /// Id.
    pub id: JobId,
    /// Kind of work.
    pub kind: String,
    /// Subject of the work; one job per kind and subject.
    pub subject: String,
    /// The athlete it belongs to, if any.
    pub athlete: Option<AthleteId>,
    /// Priority; see [`crate::priority`].
    pub priority: i32,
    /// Fencing epoch: the next claim has a higher one, which makes this one void.
    pub epoch: i64,
    /// `wanted` at the claim.
    pub wanted: i64,
    /// Number of this attempt, from 1.
    pub attempts: i64,
    /// Arguments of the worker.
    pub payload: serde_json::Value,
    /// The instant since which it was due.
    pub due: Timestamp,
    /// The instant of the claim: any answer requested from now on is newer.
    pub claimed_at: Timestamp,
}

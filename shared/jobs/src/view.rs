//! Jobs as operators and the journal see them.

use kernel::{AthleteId, JobId, Timestamp};
use outbox::{StoreError, sql};

use crate::queue::Queue;
use crate::row::JobRow;

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

impl Queue {
    /// The job of this kind and subject.
    pub async fn find(&self, kind: &str, subject: &str) -> Result<Option<JobView>, StoreError> {
        let select = format!("{} WHERE kind = ? AND subject = ?", JobRow::SELECT);
        let values = [kind.into(), subject.into()];
        let row: Option<JobRow> = sql::fetch_one(self.database.readers(), &select, values).await?;
        row.map(JobView::try_from).transpose()
    }

    /// Every job of an athlete, the most urgent first.
    pub async fn list_for_athlete(&self, athlete: AthleteId) -> Result<Vec<JobView>, StoreError> {
        let select = format!("{} WHERE athlete = ? ORDER BY priority, due_us, id", JobRow::SELECT);
        let values = [athlete.to_string().into()];
        let rows: Vec<JobRow> = sql::fetch_all(self.database.readers(), &select, values).await?;
        rows.into_iter().map(JobView::try_from).collect()
    }

    /// Number of jobs of a kind in a state.
    pub async fn count(&self, kind: &str, state: State) -> Result<i64, StoreError> {
        let count = sql::fetch_scalar(
            self.database.readers(),
            "SELECT COUNT(*) FROM job WHERE kind = ? AND state = ?",
            [kind.into(), state.code().into()],
        )
        .await?;
        Ok(count.unwrap_or(0))
    }
}

//! Jobs as an operator or the journal sees them.

use kernel::{AthleteId, JobId, Timestamp};
use outbox::{StoreError, sql};
use sea_orm::QueryResult;

use crate::queue::Queue;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// To be done, or being done.
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

    const fn from_code(code: i32) -> Self {
        match code {
            0 => Self::Open,
            1 => Self::Closed,
            _ => Self::Failed,
        }
    }
}

/// A job as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct JobView {
    /// Its id.
    pub id: JobId,
    /// What is to be done.
    pub kind: String,
    /// To what.
    pub subject: String,
    /// Whose it is.
    pub athlete: Option<AthleteId>,
    /// How urgent.
    pub priority: i32,
    /// Where it stands.
    pub state: State,
    /// Not before.
    pub due: Timestamp,
    /// Until when a worker holds it; long past when none does.
    pub lease_until: Timestamp,
    /// How often it was wanted in all.
    pub wanted: i64,
    /// How many attempts did not close it.
    pub attempts: i64,
    /// Why the last one did not.
    pub last_error: String,
    /// What the worker is told.
    pub payload: serde_json::Value,
}

impl Queue {
    /// The job of this kind and subject.
    pub async fn find(&self, kind: &str, subject: &str) -> Result<Option<JobView>, StoreError> {
        sql::one(
            self.database.readers(),
            "SELECT * FROM job WHERE kind = ? AND subject = ?",
            [kind.into(), subject.into()],
        )
        .await?
        .as_ref()
        .map(view)
        .transpose()
    }

    /// Every job of an athlete.
    pub async fn of_athlete(&self, athlete: AthleteId) -> Result<Vec<JobView>, StoreError> {
        sql::all(
            self.database.readers(),
            "SELECT * FROM job WHERE athlete = ? ORDER BY priority, due_us, id",
            [athlete.to_string().into()],
        )
        .await?
        .iter()
        .map(view)
        .collect()
    }

    /// How many jobs of a kind are in a state.
    pub async fn count(&self, kind: &str, state: State) -> Result<i64, StoreError> {
        let row = sql::one(
            self.database.readers(),
            "SELECT COUNT(*) AS n FROM job WHERE kind = ? AND state = ?",
            [kind.into(), state.code().into()],
        )
        .await?;
        Ok(row.map(|row| row.try_get("", "n")).transpose()?.unwrap_or(0))
    }
}

fn view(row: &QueryResult) -> Result<JobView, StoreError> {
    Ok(JobView {
        id: id(row)?,
        kind: row.try_get("", "kind")?,
        subject: row.try_get("", "subject")?,
        athlete: athlete(row)?,
        priority: row.try_get("", "priority")?,
        state: State::from_code(row.try_get("", "state")?),
        due: Timestamp::from_micros(row.try_get("", "due_us")?),
        lease_until: Timestamp::from_micros(row.try_get("", "lease_until_us")?),
        wanted: row.try_get("", "wanted")?,
        attempts: row.try_get("", "attempts")?,
        last_error: row.try_get("", "last_error")?,
        payload: payload(row)?,
    })
}

pub(crate) fn id(row: &QueryResult) -> Result<JobId, StoreError> {
    let text: String = row.try_get("", "id")?;
    text.parse()
        .map_err(|error| StoreError::inconsistent(format!("the job id {text:?} is none: {error}")))
}

pub(crate) fn athlete(row: &QueryResult) -> Result<Option<AthleteId>, StoreError> {
    let text: Option<String> = row.try_get("", "athlete")?;
    text.map(|text| {
        text.parse().map_err(|error| {
            StoreError::inconsistent(format!("the athlete id {text:?} is none: {error}"))
        })
    })
    .transpose()
}

pub(crate) fn payload(row: &QueryResult) -> Result<serde_json::Value, StoreError> {
    let text: String = row.try_get("", "payload")?;
    serde_json::from_str(&text)
        .map_err(|error| StoreError::inconsistent(format!("a job's payload is no JSON: {error}")))
}

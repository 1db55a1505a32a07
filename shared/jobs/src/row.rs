//! A row of the job table.

use kernel::Timestamp;
use outbox::StoreError;
use sea_orm::FromQueryResult;

use crate::job::{ClaimedJob, JobView, State};

#[derive(FromQueryResult)]
pub(crate) struct JobRow {
    id: String,
    kind: String,
    subject: String,
    athlete: Option<String>,
    priority: i32,
    state: i32,
    due_us: i64,
    lease_until_us: i64,
    epoch: i64,
    wanted: i64,
    attempts: i64,
    last_error: String,
    payload: String,
}

impl JobRow {
    pub(crate) const SELECT: &str = "SELECT id, kind, subject, athlete, priority, state, due_us, lease_until_us, epoch, \
         wanted, attempts, last_error, payload FROM job";

    pub(crate) fn into_claimed(self, claimed_at: Timestamp) -> Result<ClaimedJob, StoreError> {
        let (epoch, view) = (self.epoch, JobView::try_from(self)?);
        Ok(ClaimedJob {
            id: view.id,
            kind: view.kind,
            subject: view.subject,
            athlete: view.athlete,
            priority: view.priority,
            epoch,
            wanted: view.wanted,
            attempts: view.attempts,
            payload: view.payload,
            due: view.due,
            claimed_at,
        })
    }
}

impl TryFrom<JobRow> for JobView {
    type Error = StoreError;

    fn try_from(row: JobRow) -> Result<Self, StoreError> {
        let invalid = |column: &str, error: &dyn std::fmt::Display| {
            StoreError::inconsistent(format!("job {}: invalid {column}: {error}", row.id))
        };
        Ok(Self {
            id: row.id.parse().map_err(|error| invalid("id", &error))?,
            athlete: row
                .athlete
                .as_deref()
                .map(str::parse)
                .transpose()
                .map_err(|error| invalid("athlete", &error))?,
            payload: serde_json::from_str(&row.payload)
                .map_err(|error| invalid("payload", &error))?,
            kind: row.kind,
            subject: row.subject,
            priority: row.priority,
            state: State::from_code(row.state),
            due: Timestamp::from_micros(row.due_us),
            lease_until: Timestamp::from_micros(row.lease_until_us),
            wanted: row.wanted,
            attempts: row.attempts,
            last_error: row.last_error,
        })
    }
}

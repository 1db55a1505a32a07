//! Queries of operators and the journal.

use kernel::AthleteId;
use outbox::{StoreError, sql};

use crate::job::{JobView, State};
use crate::queue::Queue;
use crate::row::JobRow;

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

//! The check that a database can be written, not only read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::DbBackend;
use tokio::time::timeout;

use crate::StoreError;

/// Time for which a commit proves that the database can be written.
pub(crate) const PROOF: Duration = Duration::from_secs(10);
/// Time for which a failed check is repeated to others instead of being made again.
const FAILURE_CACHE: Duration = Duration::from_secs(1);
/// Time limit of a check: readiness has a second for all of its own.
const TIME_LIMIT: Duration = Duration::from_millis(800);
/// Time after which a SQLite file whose only writer never gets free cannot be written.
const BUSY_LIMIT: Duration = Duration::from_secs(30);

/// A database cannot be written, with the cause in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the database cannot be written: {0}")]
pub struct NotWritable(String);

/// Outcome of the last check, shared by all who ask: one check runs at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriteCheck(Arc<Outcomes>);

#[derive(Debug, Default)]
struct Outcomes {
    /// Held while a check runs.
    last_failure: tokio::sync::Mutex<Option<(Instant, NotWritable)>>,
    /// Instant since which the writer has not been free for any check.
    busy_since: Mutex<Option<Instant>>,
}

impl WriteCheck {
    /// Returns the outcome of this write, or of another caller's.
    ///
    /// # Errors
    ///
    /// [`NotWritable`] if the write fails, or is not possible within a time limit.
    pub(crate) async fn run(
        &self,
        backend: DbBackend,
        write: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), NotWritable> {
        let Ok(outcome) = timeout(TIME_LIMIT, self.write_once(write)).await else {
            return self.judge_time_out(backend);
        };
        *self.lock_busy() = None;
        outcome
    }

    async fn write_once(
        &self,
        write: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), NotWritable> {
        let mut last_failure = self.0.last_failure.lock().await;
        if let Some((at, failure)) = &*last_failure
            && at.elapsed() < FAILURE_CACHE
        {
            return Err(failure.clone());
        }
        let outcome = match write.await {
            Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(NotWritable(describe(&error))),
        };
        *last_failure = outcome.as_ref().err().map(|failure| (Instant::now(), failure.clone()));
        outcome
    }

    /// On SQLite one connection writes: while a transaction holds it, others wait. A server that gives
    /// no answer is away.
    fn judge_time_out(&self, backend: DbBackend) -> Result<(), NotWritable> {
        let busy_since = *self.lock_busy().get_or_insert_with(Instant::now);
        if backend == DbBackend::Sqlite && busy_since.elapsed() < BUSY_LIMIT {
            return Ok(());
        }
        Err(NotWritable("no answer in time".to_owned()))
    }

    fn lock_busy(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.busy_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error with its causes, each once.
fn describe(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = error.source();
    }
    text
}

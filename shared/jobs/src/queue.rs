//! The queue: one row per (kind, subject); each request for it raises its counter `wanted`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kernel::{AthleteId, Clock, Ids, JobId, Source, Timestamp};
use outbox::{Database, StoreError, Tx, sql};
use sea_orm::{ConnectionTrait, Value};
use tokio::sync::{Mutex, Notify};

use crate::job::{ClaimedJob, State};

/// Priorities, the smaller the more urgent; they match the purposes of a lease.
pub mod priority {
    /// A sign-in waits for it.
    pub const LOGIN: i32 = 0;
    /// A live event.
    pub const LIVE: i32 = 10;
    /// A copy.
    pub const COPY: i32 = 20;
    /// Reconciliation with Strava.
    pub const RECONCILE: i32 = 30;
    /// Backfill of the history.
    pub const BACKFILL: i32 = 40;
}

/// Maximum length of a stored reason, in characters.
const MAX_REASON: usize = 1000;

/// The jobs of one service.
#[derive(Clone, Debug)]
pub struct Queue {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    /// Instant of each athlete's last claim in this process, in microseconds; locked while a job is picked.
    pub(crate) last_claims: Arc<Mutex<HashMap<String, i64>>>,
}

/// A request for a job.
#[derive(Clone, Debug, PartialEq)]
pub struct JobRequest {
    /// Kind of work.
    pub kind: &'static str,
    /// Subject of the work; one job per kind and subject.
    pub subject: String,
    /// The athlete it belongs to: for fairness and erasure.
    pub athlete: Option<AthleteId>,
    /// The source it reads, if it reads one: what is withdrawn there ends it.
    pub source: Option<Source>,
    /// Priority; see [`priority`].
    pub priority: i32,
    /// The earliest instant of the first attempt.
    pub due: Timestamp,
    /// Arguments of the worker. An open job keeps its own unless this request is as urgent or more so.
    pub payload: serde_json::Value,
    /// The request is dropped if the job was last closed with a claim made later than this.
    pub not_if_answered_after: Option<Timestamp>,
}

/// The outcome of closing a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseResult {
    /// It is closed.
    Closed,
    /// It was wanted again meanwhile, stays open and is due now.
    WantedAgain,
}

impl Queue {
    /// The queue in this database, which must have [`crate::migrations`].
    pub fn new(database: Database, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { database, clock, ids, last_claims: Arc::default() }
    }

    /// The time by the queue's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A subscriber that is notified when there may be a job to claim.
    pub(crate) fn subscribe(&self) -> Arc<Notify> {
        self.database.jobs_signal().subscribe()
    }

    /// Enqueues a job: inserts it, or raises `wanted` on the open one of its kind and subject. Workers
    /// are woken when the transaction commits.
    pub async fn enqueue(&self, tx: &Tx, job: &JobRequest) -> Result<(), StoreError> {
        let conn = tx.conn();
        tx.wake_workers_on_commit();
        if self.raise(conn, job).await? || self.is_answered(conn, job).await? {
            return Ok(());
        }
        match self.insert(conn, job).await {
            // Another transaction inserted it between the two statements.
            Err(StoreError::UniqueViolation) => self.raise(conn, job).await.map(drop),
            outcome => outcome,
        }
    }

    async fn raise<C: ConnectionTrait>(
        &self,
        conn: &C,
        job: &JobRequest,
    ) -> Result<bool, StoreError> {
        // MySQL assigns from left to right: `state`, `priority` and `due_us` are read before they are written.
        let raised = sql::execute(
            conn,
            "UPDATE job SET wanted = wanted + 1, \
             attempts = CASE WHEN state = 0 THEN attempts ELSE 0 END, \
             payload = CASE WHEN state = 0 AND priority < ? THEN payload ELSE ? END, \
             athlete = ?, source = ?, \
             due_us = CASE WHEN state = 0 AND due_us < ? THEN due_us ELSE ? END, \
             priority = CASE WHEN state = 0 AND priority < ? THEN priority ELSE ? END, \
             state = 0 \
             WHERE kind = ? AND subject = ? AND newest_answer_us <= ?",
            [
                job.priority.into(),
                job.payload.to_string().into(),
                job.athlete.map(|athlete| athlete.to_string()).into(),
                job.source.map(|source| source.to_string()).into(),
                job.due.as_micros().into(),
                job.due.as_micros().into(),
                job.priority.into(),
                job.priority.into(),
                job.kind.into(),
                job.subject.clone().into(),
                job.not_if_answered_after.map_or(i64::MAX, Timestamp::as_micros).into(),
            ],
        )
        .await?;
        Ok(raised > 0)
    }

    /// True if the job was answered late enough for this request.
    async fn is_answered<C: ConnectionTrait>(
        &self,
        conn: &C,
        job: &JobRequest,
    ) -> Result<bool, StoreError> {
        let Some(after) = job.not_if_answered_after else {
            return Ok(false);
        };
        let values: [Value; 3] =
            [job.kind.into(), job.subject.clone().into(), after.as_micros().into()];
        let select = "SELECT id FROM job WHERE kind = ? AND subject = ? AND newest_answer_us > ?";
        Ok(sql::one(conn, select, values).await?.is_some())
    }

    async fn insert<C: ConnectionTrait>(
        &self,
        conn: &C,
        job: &JobRequest,
    ) -> Result<(), StoreError> {
        let id = JobId::from_uuid(self.ids.uuid_v7(self.clock.now()));
        sql::execute(
            conn,
            "INSERT INTO job (id, kind, subject, athlete, source, priority, state, due_us, lease_until_us, epoch, \
             wanted, attempts, newest_answer_us, last_error, payload) VALUES (?, ?, ?, ?, ?, ?, 0, ?, 0, 0, 1, 0, 0, '', ?)",
            [
                id.to_string().into(),
                job.kind.into(),
                job.subject.clone().into(),
                job.athlete.map(|athlete| athlete.to_string()).into(),
                job.source.map(|source| source.to_string()).into(),
                job.priority.into(),
                job.due.as_micros().into(),
                job.payload.to_string().into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Renews the lease of a job. False: it was lost, and the work in hand is in vain.
    pub async fn extend_lease(
        &self,
        claimed: &ClaimedJob,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let until = self.clock.now().plus(lease).as_micros();
        let extended = sql::execute(
            self.database.writer(),
            "UPDATE job SET lease_until_us = ? WHERE id = ? AND epoch = ? AND state = 0",
            [until.into(), claimed.id.to_string().into(), claimed.epoch.into()],
        )
        .await?;
        Ok(extended > 0)
    }

    /// The state of a job, as this transaction sees it.
    pub async fn state_of(
        &self,
        tx: &Tx,
        kind: &str,
        subject: &str,
    ) -> Result<Option<State>, StoreError> {
        let select = "SELECT state FROM job WHERE kind = ? AND subject = ?";
        let state: Option<i32> =
            sql::fetch_scalar(tx.conn(), select, [kind.into(), subject.into()]).await?;
        Ok(state.map(State::from_code))
    }

    /// True if the claim still holds the job; its row is locked for the rest of the transaction.
    pub async fn lock_claimed(&self, tx: &Tx, claimed: &ClaimedJob) -> Result<bool, StoreError> {
        let held = sql::execute(
            tx.conn(),
            "UPDATE job SET epoch = epoch WHERE id = ? AND epoch = ? AND state = 0",
            [claimed.id.to_string().into(), claimed.epoch.into()],
        )
        .await?;
        Ok(held > 0)
    }

    /// Closes the job if `wanted` is as it was at the claim, in the transaction that holds its
    /// effect; otherwise the job stays open and is due now.
    ///
    /// # Errors
    ///
    /// [`StoreError::Inconsistent`] if the claim was lost, so that the effect does not happen.
    pub async fn close(&self, tx: &Tx, claimed: &ClaimedJob) -> Result<CloseResult, StoreError> {
        // A job of the same athlete may have waited for this one to end.
        tx.wake_workers_on_commit();
        let closed = sql::execute(
            tx.conn(),
            "UPDATE job SET state = 1, lease_until_us = 0, attempts = 0, last_error = '', newest_answer_us = ? \
             WHERE id = ? AND epoch = ? AND state = 0 AND wanted = ?",
            [
                claimed.claimed_at.as_micros().into(),
                claimed.id.to_string().into(),
                claimed.epoch.into(),
                claimed.wanted.into(),
            ],
        )
        .await?;
        if closed > 0 {
            return Ok(CloseResult::Closed);
        }
        let reopened = sql::execute(
            tx.conn(),
            "UPDATE job SET lease_until_us = 0, attempts = 0, last_error = '', due_us = ? \
             WHERE id = ? AND epoch = ? AND state = 0",
            [
                self.clock.now().as_micros().into(),
                claimed.id.to_string().into(),
                claimed.epoch.into(),
            ],
        )
        .await?;
        if reopened > 0 { Ok(CloseResult::WantedAgain) } else { Err(lost(claimed)) }
    }

    /// Reschedules the job, unless it was wanted again meanwhile: then it stays due as it is.
    pub async fn reschedule(
        &self,
        tx: &Tx,
        claimed: &ClaimedJob,
        retry: &Retry<'_>,
    ) -> Result<(), StoreError> {
        tx.wake_workers_on_commit();
        sql::execute(
            tx.conn(),
            "UPDATE job SET lease_until_us = 0, due_us = CASE WHEN wanted = ? THEN ? ELSE due_us END, \
             attempts = attempts - ?, last_error = ? WHERE id = ? AND epoch = ? AND state = 0",
            [
                claimed.wanted.into(),
                retry.due.as_micros().into(),
                i64::from(!retry.counts).into(),
                short(retry.reason).into(),
                claimed.id.to_string().into(),
                claimed.epoch.into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Fails the job for good: it stays with its reason until it is wanted again or purged. If it was
    /// wanted again meanwhile it stays open.
    pub async fn fail(
        &self,
        tx: &Tx,
        claimed: &ClaimedJob,
        reason: &str,
    ) -> Result<(), StoreError> {
        tx.wake_workers_on_commit();
        sql::execute(
            tx.conn(),
            "UPDATE job SET lease_until_us = 0, last_error = ?, \
             state = CASE WHEN wanted = ? THEN 2 ELSE 0 END \
             WHERE id = ? AND epoch = ? AND state = 0",
            [
                short(reason).into(),
                claimed.wanted.into(),
                claimed.id.to_string().into(),
                claimed.epoch.into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Stores the progress of a long job. False: the lease was lost, or the job was wanted anew with
    /// a payload of its own.
    pub async fn save_progress(
        &self,
        tx: &Tx,
        claimed: &ClaimedJob,
        payload: &serde_json::Value,
    ) -> Result<bool, StoreError> {
        let saved = sql::execute(
            tx.conn(),
            "UPDATE job SET payload = ?, attempts = 1 WHERE id = ? AND epoch = ? AND state = 0 AND wanted = ?",
            [
                payload.to_string().into(),
                claimed.id.to_string().into(),
                claimed.epoch.into(),
                claimed.wanted.into(),
            ],
        )
        .await?;
        Ok(saved > 0)
    }

    /// Deletes every job of an athlete, whatever it reads, and returns their number; a running one
    /// loses its lease.
    pub async fn delete_for_athlete(&self, tx: &Tx, athlete: AthleteId) -> Result<u64, StoreError> {
        let id = athlete.to_string();
        sql::execute(tx.conn(), "DELETE FROM job WHERE athlete = ?", [id.into()]).await
    }

    /// Deletes an athlete's jobs that read this source and returns their number; a running one loses
    /// its lease. Those of the athlete's other sources go on.
    pub async fn delete_for_source(
        &self,
        tx: &Tx,
        athlete: AthleteId,
        source: Source,
    ) -> Result<u64, StoreError> {
        let values = [athlete.to_string().into(), source.to_string().into()];
        sql::execute(tx.conn(), "DELETE FROM job WHERE athlete = ? AND source = ?", values).await
    }

    /// Deletes one job. False: there was none.
    pub async fn delete(&self, tx: &Tx, kind: &str, subject: &str) -> Result<bool, StoreError> {
        let deleted = sql::execute(
            tx.conn(),
            "DELETE FROM job WHERE kind = ? AND subject = ?",
            [kind.into(), subject.into()],
        )
        .await?;
        Ok(deleted > 0)
    }

    /// Deletes closed jobs that were answered before this instant; what they could still tell is
    /// that a hint from before then is old news.
    pub async fn purge(&self, before: Timestamp) -> Result<u64, StoreError> {
        sql::execute(
            self.database.writer(),
            "DELETE FROM job WHERE state = ? AND newest_answer_us < ?",
            [State::Closed.code().into(), before.as_micros().into()],
        )
        .await
    }

    /// Deletes jobs that were given up and last due before this instant.
    pub async fn purge_failed(&self, before: Timestamp) -> Result<u64, StoreError> {
        sql::execute(
            self.database.writer(),
            "DELETE FROM job WHERE state = ? AND due_us < ?",
            [State::Failed.code().into(), before.as_micros().into()],
        )
        .await
    }
}

/// The next try of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry<'a> {
    /// The earliest instant.
    pub due: Timestamp,
    /// The reason why it is not done now.
    pub reason: &'a str,
    /// True if this was an attempt.
    pub counts: bool,
}

fn lost(claimed: &ClaimedJob) -> StoreError {
    StoreError::inconsistent(format!(
        "the lease on the job {} {} was lost to another worker",
        claimed.kind, claimed.subject
    ))
}

fn short(reason: &str) -> String {
    reason.chars().take(MAX_REASON).collect()
}

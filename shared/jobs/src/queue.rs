//! The queue: one row per (kind, subject), wanted as often as somebody has a reason to look.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kernel::{AthleteId, Clock, Ids, JobId, Timestamp};
use outbox::{Bell, Database, StoreError, sql};
use sea_orm::{ConnectionTrait, Value};
use tokio::sync::Mutex;

use crate::claim::Claimed;
use crate::view::State;

/// Priorities: the smaller, the more urgent. They match the purposes of a lease.
pub mod priority {
    /// Somebody is signing in.
    pub const LOGIN: i32 = 0;
    /// Something has just happened.
    pub const LIVE: i32 = 10;
    /// A copy that is to be made.
    pub const COPY: i32 = 20;
    /// A look whether anything was missed.
    pub const RECONCILE: i32 = 30;
    /// History.
    pub const BACKFILL: i32 = 40;
}

/// The longest reason kept.
const REASON: usize = 1000;

/// The jobs of one service.
#[derive(Clone, Debug)]
pub struct Queue {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    /// When each athlete last had a turn in this process; held while a job is picked.
    pub(crate) turns: Arc<Mutex<HashMap<String, i64>>>,
}

/// A reason to have a job done.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// What is to be done.
    pub kind: &'static str,
    /// To what; one job per kind and subject.
    pub subject: String,
    /// Whose it is, for fairness and for forgetting.
    pub athlete: Option<AthleteId>,
    /// How urgent; see [`priority`].
    pub priority: i32,
    /// Not before.
    pub due: Timestamp,
    /// What the worker is told. An open job keeps its own unless this is as urgent or more so.
    pub payload: serde_json::Value,
    /// Nothing is wanted if the job was last closed with a claim made later than this.
    pub not_if_answered_after: Option<Timestamp>,
}

/// How a job ended that its worker wanted to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// It is closed.
    Closed,
    /// It was wanted again meanwhile: it stays open and is due now.
    WantedAgain,
}

impl Queue {
    /// The queue in this database, which must have [`crate::migrations`].
    pub fn new(database: Database, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { database, clock, ids, turns: Arc::default() }
    }

    /// Rings when there may be something to claim. `want` and the commits after it ring it by
    /// themselves; `notify_one` rings it by hand.
    pub fn notify(&self) -> Arc<Bell> {
        Arc::clone(self.database.bell())
    }

    /// Wants a job: makes it, or raises `wanted` on it. `conn` may be a transaction; workers are
    /// woken when it commits.
    pub async fn want<C: ConnectionTrait>(&self, conn: &C, job: &Wanted) -> Result<(), StoreError> {
        if !self.raise(conn, job).await? && !self.answered(conn, job).await? {
            match self.insert(conn, job).await {
                // Somebody else made it between the two statements.
                Err(StoreError::UniqueViolation) => {
                    self.raise(conn, job).await?;
                }
                outcome => outcome?,
            }
        }
        self.database.bell().asked();
        Ok(())
    }

    async fn raise<C: ConnectionTrait>(&self, conn: &C, job: &Wanted) -> Result<bool, StoreError> {
        // MySQL assigns from left to right: `state`, `priority` and `due_us` are read before they are written.
        let raised = sql::execute(
            conn,
            "UPDATE job SET wanted = wanted + 1, \
             attempts = CASE WHEN state = 0 THEN attempts ELSE 0 END, \
             payload = CASE WHEN state = 0 AND priority < ? THEN payload ELSE ? END, \
             athlete = ?, \
             due_us = CASE WHEN state = 0 AND due_us < ? THEN due_us ELSE ? END, \
             priority = CASE WHEN state = 0 AND priority < ? THEN priority ELSE ? END, \
             state = 0 \
             WHERE kind = ? AND subject = ? AND answered_us <= ?",
            [
                job.priority.into(),
                job.payload.to_string().into(),
                job.athlete.map(|athlete| athlete.to_string()).into(),
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

    /// Whether nothing was raised because the job was answered late enough.
    async fn answered<C: ConnectionTrait>(
        &self,
        conn: &C,
        job: &Wanted,
    ) -> Result<bool, StoreError> {
        let Some(after) = job.not_if_answered_after else {
            return Ok(false);
        };
        let values: [Value; 3] =
            [job.kind.into(), job.subject.clone().into(), after.as_micros().into()];
        let select = "SELECT id FROM job WHERE kind = ? AND subject = ? AND answered_us > ?";
        Ok(sql::one(conn, select, values).await?.is_some())
    }

    async fn insert<C: ConnectionTrait>(&self, conn: &C, job: &Wanted) -> Result<(), StoreError> {
        let id = JobId::from_uuid(self.ids.uuid_v7(self.clock.now()));
        sql::execute(
            conn,
            "INSERT INTO job (id, kind, subject, athlete, priority, state, due_us, lease_until_us, epoch, wanted, \
             attempts, answered_us, last_error, payload) VALUES (?, ?, ?, ?, ?, 0, ?, 0, 0, 1, 0, 0, '', ?)",
            [
                id.to_string().into(),
                job.kind.into(),
                job.subject.clone().into(),
                job.athlete.map(|athlete| athlete.to_string()).into(),
                job.priority.into(),
                job.due.as_micros().into(),
                job.payload.to_string().into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Holds on to a job for longer. False: the lease was lost, and what is being done is in vain.
    pub async fn extend(&self, claimed: &Claimed, lease: Duration) -> Result<bool, StoreError> {
        let until = self.clock.now().plus(lease).as_micros();
        let extended = sql::execute(
            self.database.writer(),
            "UPDATE job SET lease_until_us = ? WHERE id = ? AND epoch = ? AND state = 0",
            [until.into(), claimed.id.to_string().into(), claimed.epoch.into()],
        )
        .await?;
        Ok(extended > 0)
    }

    /// Whether the job is still this claim's, for as long as the transaction lasts: its row is locked.
    pub async fn holds<C: ConnectionTrait>(
        &self,
        conn: &C,
        claimed: &Claimed,
    ) -> Result<bool, StoreError> {
        let held = sql::execute(
            conn,
            "UPDATE job SET epoch = epoch WHERE id = ? AND epoch = ? AND state = 0",
            [claimed.id.to_string().into(), claimed.epoch.into()],
        )
        .await?;
        Ok(held > 0)
    }

    /// Closes the job, if `wanted` is what it was at the claim, in the transaction that holds its
    /// effect. A claim that was lost is an error, so that the effect does not happen.
    pub async fn done<C: ConnectionTrait>(
        &self,
        conn: &C,
        claimed: &Claimed,
    ) -> Result<Closed, StoreError> {
        let closed = sql::execute(
            conn,
            "UPDATE job SET state = 1, lease_until_us = 0, attempts = 0, last_error = '', answered_us = ? \
             WHERE id = ? AND epoch = ? AND state = 0 AND wanted = ?",
            [
                claimed.claimed_at.as_micros().into(),
                claimed.id.to_string().into(),
                claimed.epoch.into(),
                claimed.wanted.into(),
            ],
        )
        .await?;
        // A job of the same athlete may have waited for this one to end.
        self.database.bell().asked();
        if closed > 0 {
            return Ok(Closed::Closed);
        }
        let open = sql::execute(
            conn,
            "UPDATE job SET lease_until_us = 0, attempts = 0, last_error = '', due_us = ? \
             WHERE id = ? AND epoch = ? AND state = 0",
            [
                self.clock.now().as_micros().into(),
                claimed.id.to_string().into(),
                claimed.epoch.into(),
            ],
        )
        .await?;
        if open > 0 { Ok(Closed::WantedAgain) } else { Err(lost(claimed)) }
    }

    /// Puts the job off, unless it was wanted again meanwhile: that reason to look is not put off.
    /// `counts`: whether this was an attempt.
    pub async fn later(
        &self,
        claimed: &Claimed,
        due: Timestamp,
        reason: &str,
        counts: bool,
    ) -> Result<(), StoreError> {
        self.later_in(self.database.writer(), claimed, Later { due, reason, counts }).await
    }

    /// The same within a transaction.
    pub async fn later_in<C: ConnectionTrait>(
        &self,
        conn: &C,
        claimed: &Claimed,
        later: Later<'_>,
    ) -> Result<(), StoreError> {
        sql::execute(
            conn,
            "UPDATE job SET lease_until_us = 0, due_us = CASE WHEN wanted = ? THEN ? ELSE due_us END, \
             attempts = attempts - ?, last_error = ? WHERE id = ? AND epoch = ? AND state = 0",
            [
                claimed.wanted.into(),
                later.due.as_micros().into(),
                i64::from(!later.counts).into(),
                short(later.reason).into(),
                claimed.id.to_string().into(),
                claimed.epoch.into(),
            ],
        )
        .await?;
        self.database.bell().asked();
        Ok(())
    }

    /// Gives the job up: it stays as failed, with its reason, until it is wanted again or purged. If it was
    /// wanted again meanwhile it stays open.
    pub async fn failed_for_good(&self, claimed: &Claimed, reason: &str) -> Result<(), StoreError> {
        self.failed_in(self.database.writer(), claimed, reason).await
    }

    /// The same within a transaction.
    pub async fn failed_in<C: ConnectionTrait>(
        &self,
        conn: &C,
        claimed: &Claimed,
        reason: &str,
    ) -> Result<(), StoreError> {
        sql::execute(
            conn,
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
        self.database.bell().asked();
        Ok(())
    }

    /// Keeps how far a long job has come. False: the lease was lost, or the job was wanted anew with
    /// a payload of its own.
    pub async fn progress(
        &self,
        claimed: &Claimed,
        payload: &serde_json::Value,
    ) -> Result<bool, StoreError> {
        self.progress_in(self.database.writer(), claimed, payload).await
    }

    /// The same within a transaction.
    pub async fn progress_in<C: ConnectionTrait>(
        &self,
        conn: &C,
        claimed: &Claimed,
        payload: &serde_json::Value,
    ) -> Result<bool, StoreError> {
        let kept = sql::execute(
            conn,
            "UPDATE job SET payload = ?, attempts = 1 WHERE id = ? AND epoch = ? AND state = 0 AND wanted = ?",
            [
                payload.to_string().into(),
                claimed.id.to_string().into(),
                claimed.epoch.into(),
                claimed.wanted.into(),
            ],
        )
        .await?;
        Ok(kept > 0)
    }

    /// Deletes every job of an athlete; whoever runs one finds its lease lost.
    pub async fn forget<C: ConnectionTrait>(
        &self,
        conn: &C,
        athlete: AthleteId,
    ) -> Result<u64, StoreError> {
        sql::execute(conn, "DELETE FROM job WHERE athlete = ?", [athlete.to_string().into()]).await
    }

    /// Deletes one job.
    pub async fn remove<C: ConnectionTrait>(
        &self,
        conn: &C,
        kind: &str,
        subject: &str,
    ) -> Result<bool, StoreError> {
        let removed = sql::execute(
            conn,
            "DELETE FROM job WHERE kind = ? AND subject = ?",
            [kind.into(), subject.into()],
        )
        .await?;
        Ok(removed > 0)
    }

    /// Deletes closed jobs that were answered before this instant; what they could still tell is
    /// that a hint from before then is old news.
    pub async fn purge(&self, before: Timestamp) -> Result<u64, StoreError> {
        sql::execute(
            self.database.writer(),
            "DELETE FROM job WHERE state = ? AND answered_us < ?",
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

/// When, and why, a job is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Later<'a> {
    /// Not before.
    pub due: Timestamp,
    /// Why not now.
    pub reason: &'a str,
    /// Whether this was an attempt.
    pub counts: bool,
}

fn lost(claimed: &Claimed) -> StoreError {
    StoreError::inconsistent(format!(
        "the lease on the job {} {} was lost to another worker",
        claimed.kind, claimed.subject
    ))
}

fn short(reason: &str) -> String {
    reason.chars().take(REASON).collect()
}

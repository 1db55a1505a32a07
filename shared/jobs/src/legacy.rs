//! Deprecated names; they go when every service uses transactions of the runner.
#![allow(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "temporary"
)]

use std::sync::Arc;
use std::time::Duration;

use kernel::{AthleteId, Timestamp};
use outbox::{Bell, StoreError, sql};
use sea_orm::ConnectionTrait;

use crate::claim::ClaimedJob as Claimed;
use crate::queue::{
    CloseResult as Closed, JobRequest as Wanted, Queue, Retry as Later, lost, short,
};

impl Queue {
    /// Rings when there may be something to claim. `want` and the commits after it ring it by
    /// themselves; `notify_one` rings it by hand.
    pub fn notify(&self) -> Arc<Bell> {
        Arc::clone(self.database.bell())
    }

    /// Wants a job: makes it, or raises `wanted` on it. `conn` may be a transaction; workers are
    /// woken when it commits.
    pub async fn want<C: ConnectionTrait>(&self, conn: &C, job: &Wanted) -> Result<(), StoreError> {
        self.enqueue_on(conn, job).await?;
        self.database.bell().asked();
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
}

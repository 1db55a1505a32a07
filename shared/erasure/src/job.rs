//! The job that erases, batch by batch.

use jobs::{ClaimedJob, JobHandler, JobOutcome, Retry};
use outbox::{AthleteTx, StoreError};

use crate::progress::{Progress, Stage};
use crate::{BATCH_SIZE, Batch, ErasableData, ErasedCount, Erasures, SECOND_PASS_DELAY, answer};

impl<D: ErasableData> JobHandler for Erasures<D> {
    async fn run(&self, job: &ClaimedJob) -> Result<JobOutcome, anyhow::Error> {
        let mut progress: Progress = serde_json::from_value(job.payload.clone())?;
        while progress.stage != Stage::Objects {
            progress = match self.run_batch(job, &progress).await? {
                Some(next) => next,
                None => return Ok(self.wanted_anew()),
            };
        }
        let erased = self.data.erase_objects(progress.athlete, progress.erasure()).await?;
        progress.objects += erased;
        self.finish_pass(job, &progress).await?;
        Ok(JobOutcome::Settled)
    }
}

impl<D: ErasableData> Erasures<D> {
    /// Erases the next rows and stores how far it came. None: the erasure was asked for anew, and begins again.
    async fn run_batch(
        &self,
        job: &ClaimedJob,
        progress: &Progress,
    ) -> Result<Option<Progress>, StoreError> {
        let erase = |tx: AthleteTx| async move {
            if !self.queue.lock_claimed(&tx, job).await? {
                return Ok(tx.unchanged(None));
            }
            let batch = self.erase_stage(&tx, progress).await?;
            if batch.rows > 0 {
                tx.bump_version();
            }
            let next = progress.clone().after_batch(batch);
            if self.queue.save_progress(&tx, job, &next.to_json()).await? {
                Ok(Some(next))
            } else {
                Ok(tx.unchanged(None))
            }
        };
        self.database.run("erase_batch", progress.athlete, erase).await
    }

    async fn erase_stage(&self, tx: &AthleteTx, progress: &Progress) -> Result<Batch, StoreError> {
        let after = progress.after.as_str();
        let (rows, next) = match progress.stage {
            Stage::Rows => return self.data.erase_batch(tx, progress.erasure(), after).await,
            Stage::Outbox => tx.delete_fenced_outbox(after, BATCH_SIZE).await?,
            Stage::Parked => tx.delete_fenced_parked(after, BATCH_SIZE).await?,
            Stage::Objects => (0, None),
        };
        Ok(Batch { rows, next })
    }

    /// Publishes the answer; after the first pass the second is due later, after the second the job is done.
    async fn finish_pass(&self, job: &ClaimedJob, progress: &Progress) -> Result<(), StoreError> {
        let finish = |tx: AthleteTx| async move {
            if !self.queue.lock_claimed(&tx, job).await? {
                return tx.unchanged(Ok(()));
            }
            let at = self.queue.now();
            let (rows, objects, is_final) = (progress.rows, progress.objects, progress.second_pass);
            let count = ErasedCount { at, rows, objects, is_final };
            tx.publish(answer(D::SERVICE, progress.athlete, progress.erasure(), count)).await?;
            if is_final {
                self.queue.close(&tx, job).await?;
                return Ok(());
            }
            let second = progress.clone().second_pass();
            self.queue.save_progress(&tx, job, &second.to_json()).await?;
            let due = at.plus(SECOND_PASS_DELAY);
            let retry = Retry { due, reason: "the second pass is due", counts: false };
            self.queue.reschedule(&tx, job, &retry).await
        };
        self.database.run("finish_erase", progress.athlete, finish).await?;
        let (service, athlete) = (D::SERVICE, progress.athlete);
        let (rows, objects, is_final) = (progress.rows, progress.objects, progress.second_pass);
        tracing::info!(service, %athlete, rows, objects, is_final, "erased");
        Ok(())
    }

    fn wanted_anew(&self) -> JobOutcome {
        let reason = "asked for again".to_owned();
        JobOutcome::Later { due: self.queue.now(), reason, counts: false }
    }
}

//! Guarded updates of the copy that a step works on.

use std::time::Duration;

use outbox::{Effect, again_if_contended};
use strava_client::UploadOutcome;

use super::{CopyStep, JobOutcome, StepError, StepResult};
use crate::domain::copy::{Copy, CopyState};
use crate::domain::reason;
use crate::store::{connections, copies};
use crate::usecases::copy_records;

/// Sets the state that Strava's decision about the upload implies.
pub(super) fn apply_upload_outcome(copy: &mut Copy, outcome: &UploadOutcome) {
    match outcome {
        UploadOutcome::Processing => copy.set_state(CopyState::Processing, reason::NONE),
        UploadOutcome::Ready(activity) => copy.set_done(*activity, reason::NONE),
        UploadOutcome::Duplicate(activity) => copy.set_done(*activity, reason::ALREADY_THERE),
        UploadOutcome::Deleted => copy.set_state(CopyState::Failed, reason::DELETED),
        UploadOutcome::Failed(error) => copy.set_refused(error),
    }
}

impl CopyStep<'_> {
    /// Changes the copy as it is now and returns it. Ends the step like [`Self::load_current`].
    pub(super) async fn update(
        &self,
        change: impl Fn(&mut Copy) + Send + Sync,
    ) -> Result<Copy, StepError> {
        again_if_contended(|| async {
            let mut tx = self.ctx.database.effect(self.copy.guardian).await?;
            let mut copy = self.load_current(&tx).await?;
            change(&mut copy);
            copy_records::update(self.ctx, &mut tx, &mut copy).await?;
            tx.commit().await?;
            Ok(copy)
        })
        .await
    }

    /// Returns the copy as it is now. Ends the step if the job's lease is lost, the child has withdrawn
    /// the connection, or the copy has changed since the step began.
    pub(super) async fn load_current(&self, tx: &Effect) -> Result<Copy, StepError> {
        if !self.ctx.queue.holds(tx.conn(), self.job).await? {
            return Err(JobOutcome::Settled.into());
        }
        let copy = copies::find(tx.conn(), self.copy.id).await?;
        let copy = copy.filter(|copy| self.is_unchanged(copy)).ok_or_else(|| self.changed())?;
        match copy.target {
            Some(target) if connections::is_fenced(tx.conn(), copy.child, target).await? => {
                Err(JobOutcome::Settled.into())
            }
            _ => Ok(copy),
        }
    }

    fn is_unchanged(&self, copy: &Copy) -> bool {
        copy.state == self.copy.state
            && copy.target == self.copy.target
            && (copy.source == self.copy.source || !copy.state.is_unsent())
    }

    /// Ends the step so that the job runs again at once.
    pub(super) fn changed(&self) -> StepError {
        self.retry_after(Duration::ZERO, "changed").into()
    }

    /// Records the reason for waiting, if it is another one than before.
    pub(super) async fn record_reason(&self, reason: &str) -> Result<(), StepError> {
        if self.copy.reason != reason {
            self.update(|copy| reason.clone_into(&mut copy.reason)).await?;
        }
        Ok(())
    }

    /// Sets the state in which nothing is left to do for this job.
    pub(super) async fn finish(&self, state: CopyState, reason: &str) -> StepResult {
        self.update(|copy| copy.set_state(state, reason)).await?;
        Ok(JobOutcome::Done)
    }
}

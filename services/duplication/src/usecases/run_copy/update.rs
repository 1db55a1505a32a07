//! Guarded updates of the copy that a step works on.

use std::time::Duration;

use kernel::AthleteId;
use outbox::AthletesTx;
use strava_client::UploadOutcome;

use super::{CopyStep, JobOutcome, StepError, StepResult};
use crate::domain::copy::{Copy, CopyState};
use crate::domain::reason;
use crate::store::copies;
use crate::usecases::copy_records;

/// Sets the state that Strava's decision about the upload implies.
pub(super) fn apply_upload_outcome(copy: &mut Copy, outcome: &UploadOutcome) {
    match outcome {
        UploadOutcome::Processing => copy.set_state(CopyState::Processing, reason::NONE),
        UploadOutcome::Ready(activity) => copy.set_uploaded(*activity, reason::NONE),
        UploadOutcome::Duplicate(activity) => copy.set_uploaded(*activity, reason::ALREADY_THERE),
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
        let change = &change;
        self.ctx
            .database
            .run_many("update_copy", &self.athletes(), |tx| async move {
                let mut copy = self.load_current(&tx).await?;
                change(&mut copy);
                copy_records::update(self.ctx, &tx.athlete(copy.guardian)?, &mut copy).await?;
                Ok(copy)
            })
            .await
    }

    /// Returns the athletes whose rows guard the copy.
    pub(super) const fn athletes(&self) -> [AthleteId; 2] {
        [self.copy.guardian, self.copy.child]
    }

    /// Returns the copy as it is now. Ends the step if the job's lease is lost, the child has withdrawn
    /// the connection, or the copy has changed since the step began.
    pub(super) async fn load_current(&self, tx: &AthletesTx) -> Result<Copy, StepError> {
        if !self.ctx.queue.lock_claimed(tx, self.job).await? {
            return Err(JobOutcome::Settled.into());
        }
        let copy = copies::find(tx.conn(), self.copy.id).await?;
        let copy =
            copy.filter(|copy| self.is_unchanged(copy)).ok_or_else(|| self.end_as_changed())?;
        if copy.target.is_some() && tx.athlete(copy.child)?.is_fenced(copy.target.as_slice()) {
            return Err(JobOutcome::Settled.into());
        }
        Ok(copy)
    }

    fn is_unchanged(&self, copy: &Copy) -> bool {
        copy.state == self.copy.state
            && copy.target == self.copy.target
            && (copy.source == self.copy.source || !copy.state.is_unsent())
    }

    /// Ends the step so that the job runs again at once.
    pub(super) fn end_as_changed(&self) -> StepError {
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

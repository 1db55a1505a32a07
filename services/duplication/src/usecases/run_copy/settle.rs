//! Writes down what happened, if the job is still ours and nothing was withdrawn meanwhile.

use outbox::{Effect, StoreError, again_if_contended};
use strava_client::UploadOutcome;

use super::{RunCopyError, Step};
use crate::domain::copy::{Copy, State, reason};
use crate::domain::upload::plain;
use crate::store::{connections, copies};
use crate::usecases::ledger;

/// Whether the change was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    Written,
    /// Another worker has the job, the line is gone or withdrawn, or moved on by itself.
    Lost,
}

/// Puts the line where Strava's answer puts it.
pub(super) fn become_of(copy: &mut Copy, outcome: &UploadOutcome) {
    match outcome {
        UploadOutcome::Processing => copy.stand(State::Processing, reason::NONE),
        UploadOutcome::Ready(activity) => copy.arrived(*activity, reason::NONE),
        UploadOutcome::Duplicate(activity) => copy.arrived(*activity, reason::ALREADY_THERE),
        UploadOutcome::Deleted => copy.stand(State::Failed, reason::DELETED),
        UploadOutcome::Failed(words) => {
            copy.stand(State::Failed, reason::REFUSED);
            copy.detail = plain(words);
        }
    }
}

impl Step<'_> {
    /// Changes the line as it now is, in the guardian's effect; `false` from `change` leaves it.
    pub(super) async fn settle(
        &self,
        change: impl Fn(&mut Copy) -> bool + Send + Sync,
    ) -> Result<Settled, RunCopyError> {
        let settled = again_if_contended(|| async {
            let mut effect = self.kit.database.effect(self.copy.guardian).await?;
            let Some(mut copy) = self.ours(&effect).await? else { return Ok(Settled::Lost) };
            if !change(&mut copy) {
                return Ok(Settled::Lost);
            }
            ledger::record(self.kit, &mut effect, &mut copy).await?;
            effect.commit().await?;
            Ok::<_, StoreError>(Settled::Written)
        })
        .await?;
        Ok(settled)
    }

    /// The line as it now is, if the job's lease holds, neither side is fenced, and it stands where
    /// it stood when the step began.
    pub(super) async fn ours(&self, effect: &Effect) -> Result<Option<Copy>, StoreError> {
        if !self.kit.queue.holds(effect.conn(), self.claimed).await? {
            return Ok(None);
        }
        let Some(copy) = copies::find(effect.conn(), self.copy.id).await? else { return Ok(None) };
        if copy.state != self.copy.state || copy.target != self.copy.target {
            return Ok(None);
        }
        if let Some(target) = copy.target
            && connections::is_fenced(effect.conn(), copy.child, target).await?
        {
            return Ok(None);
        }
        Ok(Some(copy))
    }

    /// Keeps the reason why nothing happens yet, if it is news.
    pub(super) async fn note(&self, why: &str) -> Result<(), RunCopyError> {
        if self.copy.reason != why {
            self.settle(|copy| {
                why.clone_into(&mut copy.reason);
                true
            })
            .await?;
        }
        Ok(())
    }

    /// It will not be, for this reason and in these words.
    pub(super) async fn fail(&self, why: &str, words: &str) -> Result<Settled, RunCopyError> {
        self.settle(|copy| {
            copy.stand(State::Failed, why);
            words.clone_into(&mut copy.detail);
            true
        })
        .await
    }

    /// It never left, and shall not.
    pub(super) async fn skip(&self, why: &str) -> Result<Settled, RunCopyError> {
        self.settle(|copy| {
            copy.stand(State::Skipped, why);
            true
        })
        .await
    }

    /// The streams object is gone: a newer event names a newer one, and wakes the job.
    pub(super) async fn await_streams(&self) -> Result<Settled, RunCopyError> {
        let built = self.copy.source.revision;
        self.settle(|copy| {
            let current = copy.source.revision == built;
            if current {
                copy.stand(State::Planned, reason::STREAMS_GONE);
            }
            current
        })
        .await
    }
}

//! Erases an athlete's part in links and copies.

use contracts::{Erasure, Origin};
use erasure::{BATCH_SIZE, Batch, ErasableData, Erasures};
use kernel::AthleteId;
use outbox::{AthleteTx, StoreError};

use super::ServiceContext;
use crate::domain::copy::{Copy, CopyState};
use crate::domain::reason;
use crate::store::{connections, copies, invitations, links};

/// Raises the fence, deletes what lets copies be made, and requests the erasure of the copies.
pub(crate) async fn erase_data(
    ctx: &ServiceContext,
    athlete: AthleteId,
    erasure: Erasure,
) -> Result<(), StoreError> {
    ctx.database
        .run("erase", athlete, |tx| async move {
            ctx.erasures().request(&tx, erasure).await?;
            match erasure {
                Erasure::Connection { application, through } => {
                    connections::delete_through(tx.conn(), athlete, application, through).await?;
                }
                Erasure::Everything => {
                    connections::delete_by_athlete(tx.conn(), athlete).await?;
                    links::delete_by_athlete(tx.conn(), athlete).await?;
                    invitations::delete_by_athlete(tx.conn(), athlete).await?;
                    ctx.queue.delete_for_athlete(&tx, athlete).await?;
                }
            }
            tx.bump_version();
            Ok(())
        })
        .await
}

/// The copies of an athlete, as erasures see them.
#[derive(Clone)]
pub(crate) struct DuplicationData(ServiceContext);

impl ServiceContext {
    /// The erasures of duplication.
    pub(crate) fn erasures(&self) -> Erasures<DuplicationData> {
        Erasures::new(&self.database, &self.queue, DuplicationData(self.clone()))
    }
}

impl ErasableData for DuplicationData {
    const SERVICE: &'static str = crate::settings::NAME;

    async fn erase_batch(
        &self,
        tx: &AthleteTx,
        erasure: Erasure,
        after: &str,
    ) -> Result<Batch, StoreError> {
        let batch = copies::lock_batch(tx.conn(), tx.athlete(), after, BATCH_SIZE).await?;
        let next = Batch::place_after(&batch, |last| last.id.to_string());
        let mut rows = 0;
        for copy in batch {
            rows += u64::from(self.erase_copy(tx, copy, erasure).await?);
        }
        Ok(Batch { rows, next })
    }
}

impl DuplicationData {
    /// Deletes the copy, or clears the source of the guardian's and the upload of the child's: the copy itself stays
    /// after a disconnect, or it would be made again. False if there is nothing to erase.
    async fn erase_copy(
        &self,
        tx: &AthleteTx,
        mut copy: Copy,
        erasure: Erasure,
    ) -> Result<bool, StoreError> {
        let Erasure::Connection { application, through } = erasure else {
            copies::delete(tx.conn(), copy.id).await?;
            return Ok(true);
        };
        let is_withdrawn =
            |origin: &Origin| origin.application == application && origin.generation <= through;
        if copy.guardian == tx.athlete() && copy.source.origins.iter().any(is_withdrawn) {
            copy.clear_source();
        } else if copy.child == tx.athlete() && copy.target.as_ref().is_some_and(is_withdrawn) {
            clear_upload(&mut copy);
            copy.updated_at = self.0.clock.now();
        } else {
            return Ok(false);
        }
        copies::update(tx.conn(), &copy).await?;
        Ok(true)
    }
}

fn clear_upload(copy: &mut Copy) {
    copy.target = None;
    copy.upload = None;
    copy.made = None;
    copy.detail.clear();
    if !copy.state.is_final() {
        copy.set_state(CopyState::Failed, reason::NOT_CONNECTED);
    }
}

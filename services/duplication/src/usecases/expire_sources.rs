//! Clears what copies tell of the guardian's activity, after `strava.retention`.

use kernel::{AthleteId, CopyId};
use outbox::StoreError;

use super::{ServiceContext, copy_records};
use crate::store::copies;

/// Copies that are read at once.
const BATCH_SIZE: u64 = 200;

/// Clears the sources that are older than the retention, if there is one. Copies themselves stay, or they would be made
/// again.
pub(crate) async fn expire_sources(ctx: &ServiceContext) -> Result<(), StoreError> {
    let Some(retention) = ctx.settings.retention() else { return Ok(()) };
    let before = ctx.clock.now().minus(retention);
    loop {
        let due = copies::list_sources_before(ctx.database.readers(), before, BATCH_SIZE).await?;
        for (id, guardian) in &due {
            expire_source(ctx, *id, *guardian).await?;
        }
        if due.len() < BATCH_SIZE as usize {
            return Ok(());
        }
    }
}

async fn expire_source(
    ctx: &ServiceContext,
    id: CopyId,
    guardian: AthleteId,
) -> Result<(), StoreError> {
    ctx.database
        .run("expire_source", guardian, |tx| async move {
            let Some(mut copy) = copies::find(tx.conn(), id).await? else {
                return tx.unchanged(Ok(()));
            };
            copy.clear_source();
            copy_records::update(ctx, &tx, &mut copy).await
        })
        .await
}

//! End of a link by either side: copies that were not sent yet are not sent any more.

use kernel::{AthleteId, LinkId};
use outbox::{StoreError, again_if_contended};

use super::queries::find_link;
use super::{ServiceContext, copy_records};
use crate::domain::copy::CopyState;
use crate::domain::reason;
use crate::store::{copies, links};

/// Ends a link; returns false if there is no such living link of the athlete.
pub(crate) async fn end_link(
    ctx: &ServiceContext,
    athlete: AthleteId,
    id: LinkId,
) -> Result<bool, StoreError> {
    let Some(link) = find_link(ctx, athlete, id).await? else { return Ok(false) };
    again_if_contended(|| async {
        let mut tx = ctx.database.effect(link.guardian).await?;
        links::mark_ended(tx.conn(), id, ctx.clock.now()).await?;
        for mut copy in copies::list_planned(tx.conn(), id).await? {
            copy.set_state(CopyState::Skipped, reason::LINK_ENDED);
            copy_records::update(ctx, &mut tx, &mut copy).await?;
        }
        tx.bump_version();
        tx.commit().await
    })
    .await?;
    Ok(true)
}

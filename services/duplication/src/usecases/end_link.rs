//! End of a link by either side, or refusal by the child: copies that were not sent yet are not sent any more.

use kernel::{AthleteId, LinkId};
use outbox::StoreError;

use super::queries::find_link;
use super::{ServiceContext, copy_records};
use crate::domain::copy::CopyState;
use crate::domain::link::Link;
use crate::domain::reason;
use crate::store::{copies, links};

/// Ends a link; returns false if there is no such living link of the athlete.
pub(crate) async fn end_link(
    ctx: &ServiceContext,
    athlete: AthleteId,
    id: LinkId,
) -> Result<bool, StoreError> {
    let Some(Link { guardian, child, .. }) = find_link(ctx, athlete, id).await? else {
        return Ok(false);
    };
    ctx.database
        .run_many("end_link", &[guardian, child], |tx| async move {
            let tx = tx.athlete(guardian)?;
            let Some(link) = links::find(tx.conn(), id).await? else {
                return Ok(false);
            };
            let state = link.state_once_ended_by(athlete);
            links::mark_ended(tx.conn(), id, state, ctx.clock.now()).await?;
            for mut copy in copies::list_planned(tx.conn(), id).await? {
                copy.set_state(CopyState::Skipped, reason::LINK_ENDED);
                copy_records::update(ctx, &tx, &mut copy).await?;
            }
            tx.bump_version();
            Ok(true)
        })
        .await
}

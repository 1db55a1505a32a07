//! Either side ends a link: what was not sent yet is not sent any more.

use kernel::{AthleteId, LinkId};
use outbox::{StoreError, again_if_contended};

use super::see::link_of;
use super::{Kit, ledger};
use crate::domain::copy::{State, reason};
use crate::store::{copies, links};

/// Whether there was such a link.
pub(crate) async fn end_link(
    kit: &Kit,
    athlete: AthleteId,
    id: LinkId,
) -> Result<bool, StoreError> {
    let Some(link) = link_of(kit, athlete, id).await? else { return Ok(false) };
    again_if_contended(|| async {
        let mut effect = kit.database.effect(link.guardian).await?;
        links::end(effect.conn(), id, kit.clock.now()).await?;
        for mut copy in copies::unsent_of_link(effect.conn(), id).await? {
            copy.stand(State::Skipped, reason::LINK_ENDED);
            ledger::record(kit, &mut effect, &mut copy).await?;
        }
        effect.bump_version();
        effect.commit().await
    })
    .await?;
    Ok(true)
}

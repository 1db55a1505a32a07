//! A child agrees: from now on, what begins is copied.

use kernel::{AthleteId, LinkId};
use outbox::{Contended, StoreError, again_if_contended};

use super::Kit;
use super::see::link_of;
use crate::domain::link::{Link, LinkState, Side};
use crate::store::links;

/// Why it cannot be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptLinkError {
    #[error("there is no such link")]
    NotFound,
    #[error("only the child can accept")]
    NotTheChild,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Contended for AcceptLinkError {
    fn is_contended(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_contended())
    }
}

/// Accepting twice is accepting once: the first instant holds.
pub(crate) async fn accept_link(
    kit: &Kit,
    athlete: AthleteId,
    id: LinkId,
) -> Result<Link, AcceptLinkError> {
    let link = link_of(kit, athlete, id).await?.ok_or(AcceptLinkError::NotFound)?;
    if link.side_of(athlete) != Some(Side::Child) {
        return Err(AcceptLinkError::NotTheChild);
    }
    again_if_contended(|| async {
        let mut effect = kit.database.effect(link.guardian).await?;
        links::accept(effect.conn(), id, kit.clock.now()).await?;
        let accepted = links::find(effect.conn(), id).await?.ok_or(AcceptLinkError::NotFound)?;
        if accepted.state == LinkState::Ended {
            return Err(AcceptLinkError::NotFound);
        }
        effect.bump_version();
        effect.commit().await?;
        Ok(accepted)
    })
    .await
}

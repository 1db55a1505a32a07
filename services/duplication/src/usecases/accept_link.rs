//! Acceptance of a link by the child: activities that begin from now on are copied.

use kernel::{AthleteId, LinkId};
use outbox::{IsConflict, StoreError};

use super::ServiceContext;
use super::queries::find_link;
use crate::domain::link::{Link, LinkRole};
use crate::store::links;

/// Reason for refusing an acceptance.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptLinkError {
    #[error("there is no such link")]
    NotFound,
    #[error("only the child can accept")]
    NotTheChild,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IsConflict for AcceptLinkError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

/// Accepts a link. Accepting again changes nothing: the first acceptance holds.
pub(crate) async fn accept_link(
    ctx: &ServiceContext,
    athlete: AthleteId,
    id: LinkId,
) -> Result<Link, AcceptLinkError> {
    let link = find_link(ctx, athlete, id).await?.ok_or(AcceptLinkError::NotFound)?;
    if link.role_of(athlete) != Some(LinkRole::Child) {
        return Err(AcceptLinkError::NotTheChild);
    }
    let athletes = [link.guardian, link.child];
    ctx.database
        .run_many("accept_link", &athletes, |tx| async move {
            links::mark_accepted(tx.conn(), id, ctx.clock.now()).await?;
            let link = links::find(tx.conn(), id).await?.ok_or(AcceptLinkError::NotFound)?;
            if !link.state.is_living() {
                return Err(AcceptLinkError::NotFound);
            }
            tx.athlete(link.guardian)?.bump_version();
            Ok(link)
        })
        .await
}

//! Proposal of a link by a guardian.

use kernel::{AthleteId, LinkId};
use outbox::{IsConflict, StoreError};

use super::ServiceContext;
use crate::domain::link::{InvalidNames, Link, LinkState, Names};
use crate::store::links;

/// Contents of a proposal.
#[derive(Clone, Debug)]
pub(crate) struct ProposeLink {
    pub(crate) guardian: AthleteId,
    pub(crate) child: AthleteId,
    pub(crate) names: Vec<String>,
    pub(crate) share_heart_rate: bool,
}

/// Reason for refusing a proposal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProposeLinkError {
    #[error("names {0}")]
    Names(#[from] InvalidNames),
    #[error("an athlete cannot be their own child")]
    OwnChild,
    #[error("there is a link with this child")]
    Exists,
    #[error("a guardian has at most {0} links")]
    TooMany(u64),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IsConflict for ProposeLinkError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

/// Stores a pending link; nothing is copied before the child accepts it.
pub(crate) async fn propose_link(
    ctx: &ServiceContext,
    proposal: &ProposeLink,
) -> Result<Link, ProposeLinkError> {
    let names = Names::parse(&proposal.names)?;
    if proposal.child == proposal.guardian {
        return Err(ProposeLinkError::OwnChild);
    }
    let now = ctx.clock.now();
    let link = Link {
        id: LinkId::from_uuid(ctx.ids.uuid_v7(now)),
        guardian: proposal.guardian,
        child: proposal.child,
        names,
        share_heart_rate: proposal.share_heart_rate,
        state: LinkState::Pending,
        created_at: now,
        accepted_at: None,
    };
    let (link, max_links) = (&link, ctx.settings.max_links);
    let stored = ctx
        .database
        .run_many("propose_link", &[link.guardian, link.child], |tx| async move {
            if links::count_living(tx.conn(), link.guardian).await? >= max_links {
                return Err(ProposeLinkError::TooMany(max_links));
            }
            match links::insert(tx.conn(), link).await {
                Err(StoreError::UniqueViolation) => return Err(ProposeLinkError::Exists),
                inserted => inserted?,
            }
            tx.athlete(link.guardian)?.bump_version();
            Ok(link.clone())
        })
        .await;
    match stored {
        // If it was committed, the same proposal would be refused as a second one.
        Err(ProposeLinkError::Store(error @ StoreError::CommitUnknown(_))) => {
            let found = links::find(ctx.database.readers(), link.id).await?;
            found.ok_or(ProposeLinkError::Store(error))
        }
        stored => stored,
    }
}

//! A guardian asks a child for the consent to copy.

use kernel::AthleteId;
use outbox::{Contended, StoreError, again_if_contended};

use super::Kit;
use crate::domain::link::{BadNames, Link, LinkState, Names};
use crate::store::links;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct ProposeLink {
    pub(crate) guardian: AthleteId,
    pub(crate) child: AthleteId,
    pub(crate) names: Vec<String>,
    pub(crate) share_heart_rate: bool,
}

/// Why it cannot be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProposeLinkError {
    #[error("names {0}")]
    Names(#[from] BadNames),
    #[error("nobody is their own child")]
    OneSelf,
    #[error("there is a link with this child")]
    Exists,
    #[error("a guardian has at most {0} links")]
    TooMany(u64),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Contended for ProposeLinkError {
    fn is_contended(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_contended())
    }
}

pub(crate) async fn propose_link(
    kit: &Kit,
    wanted: &ProposeLink,
) -> Result<Link, ProposeLinkError> {
    let names = Names::parse(&wanted.names)?;
    if wanted.child == wanted.guardian {
        return Err(ProposeLinkError::OneSelf);
    }
    let link = Link {
        id: kit.new_link_id(),
        guardian: wanted.guardian,
        child: wanted.child,
        names,
        share_heart_rate: wanted.share_heart_rate,
        state: LinkState::Pending,
        created_at: kit.clock.now(),
        accepted_at: None,
    };
    again_if_contended(|| async {
        let mut effect = kit.database.effect(wanted.guardian).await?;
        let most = kit.settings.max_links;
        if links::count_of(effect.conn(), wanted.guardian).await? >= most {
            return Err(ProposeLinkError::TooMany(most));
        }
        match links::insert(effect.conn(), &link).await {
            Err(StoreError::UniqueViolation) => return Err(ProposeLinkError::Exists),
            outcome => outcome?,
        }
        effect.bump_version();
        Ok(effect.commit().await?)
    })
    .await?;
    Ok(link)
}

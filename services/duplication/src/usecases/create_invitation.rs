//! Creation of an invitation: whoever is told its code may link with the inviter.

use kernel::AthleteId;
use outbox::{IsConflict, StoreError};

use super::ServiceContext;
use crate::domain::invitation::{InvalidShownName, Invitation, InvitationCode, ShownName};
use crate::domain::link::{InvalidNames, LinkRole, Names, Terms};
use crate::store::invitations;

/// Contents of an invitation.
#[derive(Clone, Debug)]
pub(crate) struct CreateInvitation {
    pub(crate) inviter: AthleteId,
    pub(crate) role: LinkRole,
    pub(crate) name: String,
    pub(crate) terms: OfferedTerms,
}

/// What one side says of the copies; only a guardian may.
#[derive(Clone, Debug)]
pub(crate) struct OfferedTerms {
    pub(crate) names: Option<Vec<String>>,
    pub(crate) share_heart_rate: Option<bool>,
}

/// Reason for refusing what one side says of the copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidTerms {
    #[error("{0}")]
    Names(#[from] InvalidNames),
    #[error("is for the guardian to say")]
    OfChild(&'static str),
}

impl OfferedTerms {
    /// Validates the terms of one side; a child has none.
    pub(crate) fn validate(&self, role: LinkRole) -> Result<Option<Terms>, InvalidTerms> {
        match role {
            LinkRole::Guardian => Ok(Some(Terms {
                names: Names::parse(self.names.as_deref().unwrap_or_default())?,
                share_heart_rate: self.share_heart_rate.unwrap_or(false),
            })),
            LinkRole::Child if self.names.is_some() => Err(InvalidTerms::OfChild("names")),
            LinkRole::Child if self.share_heart_rate.is_some() => {
                Err(InvalidTerms::OfChild("share_heart_rate"))
            }
            LinkRole::Child => Ok(None),
        }
    }
}

/// Reason for refusing an invitation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateInvitationError {
    #[error("name {0}")]
    Name(#[from] InvalidShownName),
    #[error(transparent)]
    Terms(#[from] InvalidTerms),
    #[error("an athlete has at most {0} open invitations")]
    TooMany(u64),
    #[error("the account is gone")]
    Gone,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IsConflict for CreateInvitationError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

/// Stores an invitation; the code is kept only as a hash.
pub(crate) async fn create_invitation(
    ctx: &ServiceContext,
    command: &CreateInvitation,
) -> Result<(Invitation, InvitationCode), CreateInvitationError> {
    let now = ctx.clock.now();
    let invitation = Invitation {
        id: ctx.ids.uuid_v7(now),
        inviter: command.inviter,
        role: command.role,
        name: ShownName::parse(&command.name)?,
        terms: command.terms.validate(command.role)?,
        created_at: now,
        expires_at: now.plus(ctx.settings.invitation_lifetime()),
    };
    let code = InvitationCode::generate(ctx.ids.as_ref());
    let (stored, code_stored) = (&invitation, &code);
    let max_invitations = ctx.settings.max_invitations;
    let created = ctx
        .database
        .run("create_invitation", invitation.inviter, |tx| async move {
            if tx.is_gone() {
                return Err(CreateInvitationError::Gone);
            }
            if invitations::count_open(tx.conn(), stored.inviter, now).await? >= max_invitations {
                return Err(CreateInvitationError::TooMany(max_invitations));
            }
            invitations::insert(tx.conn(), stored, code_stored).await?;
            tx.bump_version();
            Ok(())
        })
        .await;
    match created {
        // If it was committed, nobody else would ever know its code.
        Err(CreateInvitationError::Store(error @ StoreError::CommitUnknown(_))) => {
            let found = invitations::find(ctx.database.readers(), invitation.id).await?;
            found.ok_or(CreateInvitationError::Store(error))?;
        }
        created => created?,
    }
    Ok((invitation, code))
}

//! Redemption of an invitation: the two are linked, pending the child's acceptance.

use kernel::{AthleteId, LinkId, Timestamp};
use outbox::{IsConflict, StoreError};

use super::ServiceContext;
use super::create_invitation::{InvalidTerms, OfferedTerms};
use crate::domain::invitation::{InvalidShownName, Invitation, InvitationCode, ShownName};
use crate::domain::link::{Link, LinkRole, LinkState, Terms};
use crate::store::{invitations, links};

/// Contents of a redemption.
#[derive(Clone, Debug)]
pub(crate) struct RedeemInvitation {
    pub(crate) redeemer: AthleteId,
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) terms: OfferedTerms,
}

/// Reason for refusing a redemption.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RedeemInvitationError {
    #[error("name {0}")]
    Name(#[from] InvalidShownName),
    #[error(transparent)]
    Terms(#[from] InvalidTerms),
    #[error("no open invitation has this code")]
    WrongCode,
    #[error("too many wrong codes")]
    TooManyAttempts(Timestamp),
    #[error("an invitation is for another athlete")]
    OwnInvitation,
    #[error("there is a link with this athlete")]
    Exists,
    #[error("the child declined a link of the two not long ago")]
    Declined(Timestamp),
    #[error("a guardian has at most {0} links")]
    TooMany(u64),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IsConflict for RedeemInvitationError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

/// Uses up an invitation and stores a pending link; nothing is copied before the child accepts it.
pub(crate) async fn redeem_invitation(
    ctx: &ServiceContext,
    command: &RedeemInvitation,
) -> Result<Link, RedeemInvitationError> {
    let name = ShownName::parse(&command.name)?;
    let invitation = find_invitation(ctx, command).await?;
    if invitation.inviter == command.redeemer {
        return Err(RedeemInvitationError::OwnInvitation);
    }
    let link = build_link(ctx, command, &invitation, name)?;
    let stored = store_link(ctx, &invitation, &link).await;
    match stored {
        // If it was committed, the same code would be refused as a used one.
        Err(RedeemInvitationError::Store(error @ StoreError::CommitUnknown(_))) => {
            let found = links::find(ctx.database.readers(), link.id).await?;
            found.ok_or(RedeemInvitationError::Store(error))
        }
        stored => stored.map(|()| link),
    }
}

/// Returns the open invitation of the code; a wrong code counts against the caller.
async fn find_invitation(
    ctx: &ServiceContext,
    command: &RedeemInvitation,
) -> Result<Invitation, RedeemInvitationError> {
    let now = ctx.clock.now();
    ctx.code_attempts
        .reserve(command.redeemer, now)
        .map_err(RedeemInvitationError::TooManyAttempts)?;
    let code = InvitationCode::parse(&command.code).ok_or(RedeemInvitationError::WrongCode)?;
    let found = invitations::find_by_code(ctx.database.readers(), &code, now).await;
    if !matches!(found, Ok(None)) {
        ctx.code_attempts.release(command.redeemer);
    }
    found?.ok_or(RedeemInvitationError::WrongCode)
}

fn build_link(
    ctx: &ServiceContext,
    command: &RedeemInvitation,
    invitation: &Invitation,
    name: ShownName,
) -> Result<Link, RedeemInvitationError> {
    let redeemer = (command.redeemer, name);
    let inviter = (invitation.inviter, invitation.name.clone());
    let (role, [guardian, child]) = match invitation.role {
        LinkRole::Guardian => (LinkRole::Child, [inviter, redeemer]),
        LinkRole::Child => (LinkRole::Guardian, [redeemer, inviter]),
    };
    let terms = command.terms.validate(role)?.or_else(|| invitation.terms.clone());
    let Some(Terms { names, share_heart_rate }) = terms else {
        return Err(StoreError::inconsistent("a guardian's invitation without terms").into());
    };
    let now = ctx.clock.now();
    Ok(Link {
        id: LinkId::from_uuid(ctx.ids.uuid_v7(now)),
        guardian: guardian.0,
        child: child.0,
        guardian_name: guardian.1.as_str().to_owned(),
        child_name: child.1.as_str().to_owned(),
        names,
        share_heart_rate,
        state: LinkState::Pending,
        created_at: now,
        accepted_at: None,
    })
}

async fn store_link(
    ctx: &ServiceContext,
    invitation: &Invitation,
    link: &Link,
) -> Result<(), RedeemInvitationError> {
    let athletes = [link.guardian, link.child];
    let (max_links, pause) = (ctx.settings.max_links, ctx.settings.declined_pause());
    ctx.database
        .run_many("redeem_invitation", &athletes, |tx| async move {
            // Deleted means used up, revoked or erased meanwhile.
            if !invitations::delete(tx.conn(), invitation.inviter, invitation.id).await? {
                return Err(RedeemInvitationError::WrongCode);
            }
            let since = link.created_at.minus(pause);
            if let Some(at) = links::find_declined_at(tx.conn(), athletes, since).await? {
                return Err(RedeemInvitationError::Declined(at.plus(pause)));
            }
            if links::count_living(tx.conn(), link.guardian).await? >= max_links {
                return Err(RedeemInvitationError::TooMany(max_links));
            }
            match links::insert(tx.conn(), link).await {
                Err(StoreError::UniqueViolation) => return Err(RedeemInvitationError::Exists),
                inserted => inserted?,
            }
            tx.athlete(link.guardian)?.bump_version();
            Ok(())
        })
        .await
}

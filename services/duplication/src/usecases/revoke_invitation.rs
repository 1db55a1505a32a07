//! Revocation of an invitation by the inviter: its code redeems nothing any more.

use kernel::AthleteId;
use outbox::StoreError;
use uuid::Uuid;

use super::ServiceContext;
use crate::store::invitations;

/// Revokes an invitation; returns false if there is no such open invitation of the athlete.
pub(crate) async fn revoke_invitation(
    ctx: &ServiceContext,
    inviter: AthleteId,
    id: Uuid,
) -> Result<bool, StoreError> {
    ctx.database
        .run("revoke_invitation", inviter, |tx| async move {
            if !invitations::delete(tx.conn(), inviter, id).await? {
                return tx.unchanged(Ok(false));
            }
            tx.bump_version();
            Ok(true)
        })
        .await
}

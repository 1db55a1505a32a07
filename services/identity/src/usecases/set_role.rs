//! Makes an account an administrator's, or an administrator's a user's.

use outbox::{IsConflict, StoreError, Tx};

use super::ServiceContext;
use super::revoke_sessions::revoke_sessions;
use crate::domain::account::Email;
use crate::store::accounts;

/// Reason for an unchanged role.
#[derive(Debug, thiserror::Error)]
pub enum SetRoleError {
    /// Nobody has an account with this address.
    #[error("nobody has an account with this address")]
    NoAccount,
    /// Without an administrator nobody could name one.
    #[error("this is the last administrator: name another one first")]
    LastAdmin,
    /// The store failed.
    #[error("the role could not be stored")]
    Store(#[from] StoreError),
}

impl IsConflict for SetRoleError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

/// Sets the role. Who is no administrator any more is signed out everywhere, for their tokens still say that they are.
pub(crate) async fn set_role(
    ctx: &ServiceContext,
    email: &Email,
    admin: bool,
) -> Result<(), SetRoleError> {
    let now = ctx.now();
    let set = |tx: Tx| async move {
        // Locked, so that of two administrators who demote each other one stays.
        let admins = accounts::lock_admins(&tx).await?;
        let Some(account) = accounts::find(tx.conn(), email).await? else {
            return tx.unchanged(Err(SetRoleError::NoAccount));
        };
        let account = account.account;
        if account.admin == admin {
            return tx.unchanged(Ok(None));
        }
        if !admin && admins.len() == 1 {
            return tx.unchanged(Err(SetRoleError::LastAdmin));
        }
        accounts::set_admin(tx.conn(), account.athlete, admin).await?;
        if !admin {
            revoke_sessions(&tx, account.athlete, now).await?;
        }
        Ok(Some(account.athlete))
    };
    if let Some(athlete) = ctx.database.run_plain("set_role", set).await? {
        tracing::info!(%athlete, admin, "a role changed");
    }
    Ok(())
}

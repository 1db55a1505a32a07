//! Removes an account; the service token erases the training data.

use kernel::AthleteId;
use outbox::{IsConflict, StoreError, Tx};

use crate::domain::account::Email;
use crate::store::accounts;
use crate::usecases::ServiceContext;

/// Reason for an account that was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveUserError {
    /// Without an administrator nobody could add one.
    #[error("this is the last administrator: add another one first")]
    LastAdmin,
    /// The account could not be removed.
    #[error("the account could not be removed")]
    Store(#[from] StoreError),
}

impl IsConflict for RemoveUserError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

/// Removes the account of this address. False if there was none.
pub(crate) async fn remove_user(
    ctx: &ServiceContext,
    email: &Email,
) -> Result<bool, RemoveUserError> {
    let delete = |tx: Tx| async move {
        // Locked, so that of two administrators who remove each other one stays.
        let admins = accounts::lock_admins(&tx).await?;
        if admins.len() == 1 && admins[0] == email.as_str() {
            return tx.unchanged(Err(RemoveUserError::LastAdmin));
        }
        let deleted = accounts::delete_by_email(tx.conn(), email).await?;
        Ok(if deleted { true } else { tx.unchanged(false) })
    };
    ctx.database.run_plain("remove_account", delete).await
}

/// Removes the account of an athlete who is gone.
pub(crate) async fn remove_athlete(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    let delete = |tx: Tx| async move {
        if !accounts::delete_by_athlete(tx.conn(), athlete).await? {
            tx.unchanged(());
        }
        Ok(())
    };
    ctx.database.run_plain("remove_athlete", delete).await
}

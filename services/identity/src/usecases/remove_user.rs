//! Removes an account; the service token erases the training data.

use kernel::AthleteId;
use outbox::{StoreError, Tx};

use crate::domain::account::Email;
use crate::store::accounts;
use crate::usecases::ServiceContext;

/// Removes the account of this address. False if there was none.
pub(crate) async fn remove_user(ctx: &ServiceContext, email: &Email) -> Result<bool, StoreError> {
    let delete = |tx: Tx| async move {
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

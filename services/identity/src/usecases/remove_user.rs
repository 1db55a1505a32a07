//! Removes an account; the service token erases the training data.

use kernel::AthleteId;
use outbox::StoreError;

use crate::domain::account::Email;
use crate::store::accounts;
use crate::usecases::ServiceContext;

/// Removes the account of this address. False if there was none.
pub(crate) async fn remove_user(ctx: &ServiceContext, email: &Email) -> Result<bool, StoreError> {
    accounts::delete_by_email(&ctx.database, email).await
}

/// Removes the account of an athlete who is gone.
pub(crate) async fn remove_athlete(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    accounts::delete_by_athlete(&ctx.database, athlete).await
}

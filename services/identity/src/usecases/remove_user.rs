//! Removes an account; the training data is token's to erase.

use kernel::AthleteId;
use outbox::StoreError;

use crate::domain::account::Email;
use crate::store::accounts;
use crate::usecases::Core;

/// Removes the account of this address. `false`: there was none.
pub(crate) async fn remove_user(core: &Core, email: &Email) -> Result<bool, StoreError> {
    accounts::remove(&core.database, email).await
}

/// Removes the account of an athlete who is gone.
pub(crate) async fn remove_athlete(core: &Core, athlete: AthleteId) -> Result<(), StoreError> {
    accounts::remove_athlete(&core.database, athlete).await
}

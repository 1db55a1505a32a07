//! Lists the accounts.

use outbox::StoreError;

use crate::domain::account::Account;
use crate::store::accounts;
use crate::usecases::Core;

/// Every account, by address.
pub(crate) async fn list_users(core: &Core) -> Result<Vec<Account>, StoreError> {
    accounts::all(&core.database).await
}

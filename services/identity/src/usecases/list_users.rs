//! Lists the accounts.

use outbox::StoreError;

use crate::domain::account::Account;
use crate::store::accounts;
use crate::usecases::ServiceContext;

/// Returns every account, sorted by address.
pub(crate) async fn list_users(ctx: &ServiceContext) -> Result<Vec<Account>, StoreError> {
    accounts::list(&ctx.database).await
}

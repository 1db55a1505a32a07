//! Replaces the password of an account.

use outbox::{StoreError, Tx};
use secrecy::SecretString;

use crate::domain::account::Email;
use crate::domain::password::{self, PasswordError};
use crate::store::accounts;
use crate::usecases::ServiceContext;
use crate::usecases::revoke_sessions::revoke_sessions;

/// Reason for an unchanged password.
#[derive(Debug, thiserror::Error)]
pub enum SetPasswordError {
    /// Nobody has an account with this address.
    #[error("{0} has no account")]
    NoAccount(String),
    /// The password is invalid.
    #[error("the password {0}")]
    Password(PasswordError),
    /// The store failed.
    #[error("the password could not be stored")]
    Store(#[from] StoreError),
}

/// Replaces the password, unlocks the account, ends its sessions, and returns the password; one is generated if none is
/// given.
pub(crate) async fn set_password(
    ctx: &ServiceContext,
    email: &Email,
    password: Option<SecretString>,
) -> Result<SecretString, SetPasswordError> {
    let password = password.unwrap_or_else(|| password::generate_password(ctx.ids()));
    let hash = ctx.hash_password(password.clone()).await.map_err(SetPasswordError::Password)?;
    let hash = hash.as_str();
    let now = ctx.now();
    let set = |tx: Tx| async move {
        let Some(stored) = accounts::find(tx.conn(), email).await? else {
            return Ok(tx.unchanged(false));
        };
        accounts::set_password(tx.conn(), email, hash).await?;
        revoke_sessions(&tx, stored.account.athlete, now).await?;
        Ok::<_, StoreError>(true)
    };
    if ctx.database.run_plain("set_password", set).await? {
        return Ok(password);
    }
    Err(SetPasswordError::NoAccount(email.as_str().to_owned()))
}

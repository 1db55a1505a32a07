//! Gives an account another password.

use outbox::StoreError;
use secrecy::SecretString;

use crate::domain::account::Email;
use crate::domain::password::{self, PasswordError};
use crate::store::accounts;
use crate::usecases::Core;

/// Why the password stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum SetPasswordError {
    /// Nobody has an account with this address.
    #[error("{0} has no account")]
    NoAccount(String),
    /// The password cannot be.
    #[error("the password {0}")]
    Password(PasswordError),
    /// The store failed.
    #[error("the password could not be stored")]
    Store(#[from] StoreError),
}

/// Sets the password and tells it; one is made up when none is given. Unlocks the account.
pub(crate) async fn set_password(
    core: &Core,
    email: &Email,
    password: Option<SecretString>,
) -> Result<SecretString, SetPasswordError> {
    let password = password.unwrap_or_else(|| password::made_up(core.ids.as_ref()).into());
    let hash = core.hash(password.clone()).await.map_err(SetPasswordError::Password)?;
    if accounts::set_password(&core.database, email, &hash).await? {
        return Ok(password);
    }
    Err(SetPasswordError::NoAccount(email.as_str().to_owned()))
}

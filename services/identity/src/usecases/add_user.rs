//! Adds a local account.

use kernel::AthleteId;
use outbox::StoreError;
use secrecy::SecretString;

use crate::domain::account::{Account, Email, EmailError};
use crate::domain::password::{self, PasswordError};
use crate::store::accounts;
use crate::usecases::Core;

/// Who shall have an account.
#[derive(Debug)]
pub struct AddUser {
    /// What they sign in with.
    pub email: String,
    /// Whether they may administer.
    pub admin: bool,
    /// Their password; one is made up when none is given.
    pub password: Option<SecretString>,
}

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum AddUserError {
    /// The address is none.
    #[error("the address {0}")]
    Email(EmailError),
    /// The password cannot be.
    #[error("the password {0}")]
    Password(PasswordError),
    /// The address has an account.
    #[error("{0} has an account already")]
    Exists(String),
    /// The store failed.
    #[error("the account could not be stored")]
    Store(#[source] StoreError),
}

/// Adds the account and tells its password, which is kept nowhere.
pub(crate) async fn add_user(
    core: &Core,
    command: AddUser,
) -> Result<(Account, SecretString), AddUserError> {
    let email: Email = command.email.parse().map_err(AddUserError::Email)?;
    let password = command.password.unwrap_or_else(|| password::made_up(core.ids.as_ref()).into());
    let hash = core.hash(password.clone()).await.map_err(AddUserError::Password)?;
    let now = core.clock.now();
    let account = Account {
        athlete: AthleteId::from_uuid(core.ids.uuid_v7(now)),
        email: email.as_str().to_owned(),
        admin: command.admin,
        created_at: now,
    };
    match accounts::add(&core.database, &account, &hash).await {
        Ok(()) => Ok((account, password)),
        Err(StoreError::UniqueViolation) => Err(AddUserError::Exists(account.email)),
        Err(other) => Err(AddUserError::Store(other)),
    }
}

//! Adds a local account.

use kernel::AthleteId;
use outbox::{StoreError, Tx};
use secrecy::SecretString;

use crate::domain::account::{Account, Email, EmailError};
use crate::domain::password::{self, PasswordError};
use crate::store::accounts;
use crate::usecases::ServiceContext;

/// An account to add.
#[derive(Debug)]
pub struct AddUser {
    /// The e-mail address to sign in with.
    pub email: String,
    /// True for an administrator.
    pub admin: bool,
    /// The password; one is generated if none is given.
    pub password: Option<SecretString>,
}

/// Reason for a refused or failed addition.
#[derive(Debug, thiserror::Error)]
pub enum AddUserError {
    /// The address is invalid.
    #[error("the address {0}")]
    Email(EmailError),
    /// The password is invalid.
    #[error("the password {0}")]
    Password(PasswordError),
    /// The address has an account.
    #[error("{0} has an account already")]
    Exists(String),
    /// The store failed.
    #[error("the account could not be stored")]
    Store(#[source] StoreError),
}

/// Adds the account and returns its password, which is not stored.
pub(crate) async fn add_user(
    ctx: &ServiceContext,
    command: AddUser,
) -> Result<(Account, SecretString), AddUserError> {
    let email: Email = command.email.parse().map_err(AddUserError::Email)?;
    let password = command.password.unwrap_or_else(|| password::generate_password(ctx.ids()));
    let hash = ctx.hash_password(password.clone()).await.map_err(AddUserError::Password)?;
    let now = ctx.now();
    let account = Account {
        athlete: AthleteId::from_uuid(ctx.ids().uuid_v7(now)),
        email: email.as_str().to_owned(),
        admin: command.admin,
        created_at: now,
    };
    let (new, hash) = (&account, hash.as_str());
    let insert = |tx: Tx| async move { accounts::insert(tx.conn(), new, hash).await };
    match ctx.database.run_plain("add_account", insert).await {
        Ok(()) => Ok((account, password)),
        Err(StoreError::UniqueViolation) => Err(AddUserError::Exists(account.email)),
        // If it was committed, a second attempt would be refused, and nobody would know the password.
        Err(error @ StoreError::CommitUnknown(_)) if is_stored(ctx, &email, &account).await => {
            tracing::warn!(%error, "an account was stored, but the answer was lost");
            Ok((account, password))
        }
        Err(error) => Err(AddUserError::Store(error)),
    }
}

async fn is_stored(ctx: &ServiceContext, email: &Email, account: &Account) -> bool {
    let found = accounts::find(ctx.database.readers(), email).await;
    matches!(found, Ok(Some(stored)) if stored.account.athlete == account.athlete)
}

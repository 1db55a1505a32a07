//! Signs a person in: exchanges a password for a token.

use std::time::Duration;

use auth::Claims;
use kernel::{AthleteId, Timestamp};
use outbox::{StoreError, Tx};
use secrecy::{ExposeSecret, SecretString};

use crate::Service;
use crate::domain::account::{Account, Email};
use crate::domain::password;
use crate::keys::KeyError;
use crate::store::accounts::{self, StoredAccount};
use crate::usecases::ServiceContext;

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) access_token: String,
    pub(crate) expires_in_s: i64,
}

/// Reason for a refused or failed sign-in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    #[error("the address or the password is wrong")]
    WrongCredentials,
    #[error("too many wrong passwords")]
    LockedUntil(Timestamp),
    #[error("the account could not be read")]
    Store(#[from] StoreError),
    #[error("the session could not be signed")]
    Key(#[from] KeyError),
    #[error("the password could not be checked")]
    NotVerified,
}

/// Signs in. An unknown address, a malformed one and a wrong password get the same answer after the
/// same time.
pub(crate) async fn sign_in(
    ctx: &ServiceContext,
    email: &str,
    password: SecretString,
) -> Result<Session, SignInError> {
    let email = email.parse::<Email>().ok();
    let stored = match &email {
        Some(email) => accounts::find_by_email(&ctx.database, email).await?,
        None => None,
    };
    let now = ctx.now();
    if let Some(until) = locked_until(ctx, email.as_ref(), stored.as_ref(), now) {
        return Err(SignInError::LockedUntil(until));
    }
    let hash = stored.as_ref().map(|stored| stored.password_hash.clone());
    let matches = ctx
        .run_hashing(move || password::verify_password(password.expose_secret(), hash.as_deref()))
        .await
        .ok_or(SignInError::NotVerified)?;
    match (stored, email) {
        (Some(stored), _) if matches => {
            if stored.failed_sign_ins.count > 0 {
                reset_failures(ctx, stored.account.athlete).await?;
            }
            return issue_session(ctx, &stored.account, now);
        }
        (Some(stored), _) => {
            record_failure(ctx, stored.account.athlete, now).await?;
        }
        (None, Some(email)) => ctx.unknown_email_lockout.record_failure(&email, now),
        (None, None) => {}
    }
    Err(SignInError::WrongCredentials)
}

async fn reset_failures(ctx: &ServiceContext, athlete: AthleteId) -> Result<(), StoreError> {
    let reset = |tx: Tx| async move { accounts::reset_failures(tx.conn(), athlete).await };
    ctx.database.run_plain("reset_failed_sign_ins", reset).await
}

async fn record_failure(
    ctx: &ServiceContext,
    athlete: AthleteId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let record = |tx: Tx| async move { accounts::record_failure(tx.conn(), athlete, now).await };
    ctx.database.run_plain("record_failed_sign_in", record).await
}

fn locked_until(
    ctx: &ServiceContext,
    email: Option<&Email>,
    stored: Option<&StoredAccount>,
    now: Timestamp,
) -> Option<Timestamp> {
    let max_attempts = ctx.settings.attempts;
    let lockout = Duration::from_secs(ctx.settings.lockout_s.unsigned_abs());
    match stored {
        Some(stored) => stored.failed_sign_ins.locked_until(now, max_attempts, lockout),
        None => ctx.unknown_email_lockout.locked_until(email?, now, max_attempts, lockout),
    }
}

fn issue_session(
    ctx: &ServiceContext,
    account: &Account,
    now: Timestamp,
) -> Result<Session, SignInError> {
    let expires_in_s = ctx.settings.session_s;
    let claims = Claims {
        sub: account.athlete,
        iss: ctx.issuer.clone(),
        token_use: "access".to_owned(),
        client_id: Service::CLIENT.to_owned(),
        exp: now.as_secs() + expires_in_s,
        iat: now.as_secs(),
        groups: account.groups(),
    };
    Ok(Session { access_token: ctx.keys.sign(&claims)?, expires_in_s })
}

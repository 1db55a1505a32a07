//! Signs a person in: exchanges a password for a token.

use std::time::Duration;

use auth::Claims;
use kernel::{AthleteId, Timestamp};
use outbox::{StoreError, Tx, revoked_sessions};
use secrecy::{ExposeSecret, SecretString};

use crate::Service;
use crate::domain::account::{Account, Email};
use crate::domain::client::Client;
use crate::domain::lockout::LockoutRule;
use crate::domain::password;
use crate::keys::KeyError;
use crate::store::accounts::{self, StoredAccount};
use crate::usecases::context::{ClientOf, ServiceContext};

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
    #[error("too many people are signing in")]
    Busy,
    #[error("the account could not be read")]
    Store(#[from] StoreError),
    #[error("the session could not be signed")]
    Key(#[from] KeyError),
    #[error("the password could not be checked")]
    NotVerified,
}

/// Signs in. An unknown address, a malformed one and a wrong password get the same answer after the
/// same time. An attempt counts before its password is checked, or guesses made at once would all be checked.
pub(crate) async fn sign_in(
    ctx: &ServiceContext,
    client: Client,
    email: &str,
    password: SecretString,
) -> Result<Session, SignInError> {
    if password::is_too_long(password.expose_secret()) {
        return Err(SignInError::WrongCredentials);
    }
    let _place = ctx.enter_hashing_queue().ok_or(SignInError::Busy)?;
    let email = email.parse::<Email>().ok();
    let stored = match &email {
        Some(email) => accounts::find(ctx.database.readers(), email).await?,
        None => None,
    };
    let now = ctx.now();
    let hash = stored.as_ref().map(|stored| stored.password_hash.clone());
    // With a new password the attempts of a client count anew.
    let client = email.map(|email| (client, email, hash.clone()));
    reserve_attempt(ctx, client.as_ref(), stored.as_ref(), now).await?;
    let matches = ctx
        .run_hashing(move |memory| {
            password::verify_password(password.expose_secret(), hash.as_deref(), memory)
        })
        .await
        .ok_or(SignInError::NotVerified)?;
    match stored {
        Some(stored) if matches => {
            reset_failures(ctx, stored.account.athlete).await?;
            if let Some(client) = &client {
                ctx.clients.reset(client);
            }
            issue_session(ctx, &stored.account, now).await
        }
        Some(stored) => {
            if stored.failed_sign_ins.count + 1 == ctx.settings.attempts {
                let (athlete, seconds) = (stored.account.athlete, ctx.settings.lockout_s);
                tracing::warn!(%athlete, seconds, "an account is locked after too many wrong passwords");
            }
            Err(SignInError::WrongCredentials)
        }
        None => Err(SignInError::WrongCredentials),
    }
}

/// Counts the attempt as failed until it has succeeded, unless the account, the address or the client is locked. One
/// client has half of the attempts, so that it alone cannot lock out the person.
async fn reserve_attempt(
    ctx: &ServiceContext,
    client: Option<&ClientOf>,
    stored: Option<&StoredAccount>,
    now: Timestamp,
) -> Result<(), SignInError> {
    let Some(client) = client else { return Ok(()) };
    let lockout = Duration::from_secs(ctx.settings.lockout_s.unsigned_abs());
    let rule = LockoutRule { max_attempts: ctx.settings.attempts, lockout };
    let share = LockoutRule { max_attempts: (rule.max_attempts / 2).max(1), ..rule };
    ctx.clients.reserve(client, now, share).map_err(SignInError::LockedUntil)?;
    let athlete = stored.map(|stored| stored.account.athlete);
    let unknown = match athlete {
        None => ctx.unknown_emails.reserve(&client.1, now, rule),
        Some(_) => Ok(()),
    };
    let reserve = |tx: Tx| async move {
        let reserved = match athlete {
            Some(athlete) => accounts::reserve_attempt(tx.conn(), athlete, now, rule).await?,
            None => accounts::reserve_unknown(tx.conn(), unknown.is_ok()).await?,
        };
        Ok::<_, StoreError>(if reserved { true } else { tx.unchanged(false) })
    };
    let reserved = match ctx.database.run_plain("reserve_sign_in", reserve).await {
        // What is written for nobody only takes the time of an account's attempt.
        Err(_) if athlete.is_none() => unknown.is_ok(),
        reserved => reserved?,
    };
    if reserved {
        return Ok(());
    }
    // What was read may be older than the attempts of others that locked it.
    let until = stored.and_then(|stored| stored.failed_sign_ins.locked_until(now, rule));
    Err(SignInError::LockedUntil(unknown.err().or(until).unwrap_or(now.plus(lockout))))
}

async fn reset_failures(ctx: &ServiceContext, athlete: AthleteId) -> Result<(), StoreError> {
    let reset = |tx: Tx| async move { accounts::reset_failures(tx.conn(), athlete).await };
    ctx.database.run_plain("reset_failed_sign_ins", reset).await
}

async fn issue_session(
    ctx: &ServiceContext,
    account: &Account,
    now: Timestamp,
) -> Result<Session, SignInError> {
    let expires_in_s = ctx.settings.session_s;
    let readers = ctx.database.readers();
    let not_before = revoked_sessions::not_before_of(readers, account.athlete).await?;
    let issued_at = not_before.unwrap_or(now).max(now);
    let claims = Claims {
        sub: account.athlete,
        iss: ctx.issuer.clone(),
        token_use: "access".to_owned(),
        client_id: Service::CLIENT.to_owned(),
        exp: issued_at.as_secs() + expires_in_s,
        nbf: None,
        iat: issued_at.as_secs(),
        groups: account.groups(),
    };
    Ok(Session { access_token: ctx.keys.sign(&claims)?, expires_in_s })
}

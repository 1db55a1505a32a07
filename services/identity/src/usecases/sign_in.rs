//! Signs a person in: a password against a token.

use std::time::Duration;

use auth::Claims;
use kernel::Timestamp;
use outbox::StoreError;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::account::{Account, Email};
use crate::domain::password;
use crate::keys::KeyError;
use crate::store::accounts::{self, Kept};
use crate::usecases::{CLIENT, Core};

/// A session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) access_token: String,
    pub(crate) expires_in_s: i64,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    #[error("the address or the password is wrong")]
    Wrong,
    #[error("too many wrong passwords")]
    Locked(Timestamp),
    #[error("the account could not be read")]
    Store(#[from] StoreError),
    #[error("the session could not be signed")]
    Key(#[from] KeyError),
    #[error("the password could not be checked")]
    Unchecked,
}

/// Signs in. An unknown address, a wrong one and a wrong password are the same answer after the same time.
pub(crate) async fn sign_in(
    core: &Core,
    email: &str,
    password: SecretString,
) -> Result<Session, SignInError> {
    let email = email.parse::<Email>().ok();
    let kept = match &email {
        Some(email) => accounts::by_email(&core.database, email).await?,
        None => None,
    };
    let now = core.clock.now();
    if let Some(until) = locked_until(core, email.as_ref(), kept.as_ref(), now) {
        return Err(SignInError::Locked(until));
    }
    let hash = kept.as_ref().map(|kept| kept.password_hash.clone());
    let right = core
        .work(move || password::matches(password.expose_secret(), hash.as_deref()))
        .await
        .ok_or(SignInError::Unchecked)?;
    match (kept, email) {
        (Some(kept), _) if right => {
            if kept.failures.count > 0 {
                accounts::succeeded(&core.database, kept.account.athlete).await?;
            }
            return session(core, &kept.account, now);
        }
        (Some(kept), _) => accounts::failed(&core.database, kept.account.athlete, now).await?,
        (None, Some(email)) => core.strangers.failed(&email, now),
        (None, None) => {}
    }
    Err(SignInError::Wrong)
}

fn locked_until(
    core: &Core,
    email: Option<&Email>,
    kept: Option<&Kept>,
    now: Timestamp,
) -> Option<Timestamp> {
    let (attempts, lockout) =
        (core.settings.attempts, Duration::from_secs(core.settings.lockout_s.unsigned_abs()));
    match kept {
        Some(kept) => kept.failures.locked_until(now, attempts, lockout),
        None => core.strangers.locked_until(email?, now, attempts, lockout),
    }
}

fn session(core: &Core, account: &Account, now: Timestamp) -> Result<Session, SignInError> {
    let expires_in_s = core.settings.session_s;
    let claims = Claims {
        sub: account.athlete,
        iss: core.issuer.clone(),
        token_use: "access".to_owned(),
        client_id: CLIENT.to_owned(),
        exp: now.as_secs() + expires_in_s,
        iat: now.as_secs(),
        groups: account.groups(),
    };
    Ok(Session { access_token: core.keys.sign(&claims)?, expires_in_s })
}

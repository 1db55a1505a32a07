//! Signs a person in: a password against a token.

use std::time::Duration;

use auth::Claims;
use kernel::Timestamp;
use outbox::StoreError;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::account::Email;
use crate::domain::password;
use crate::keys::KeyError;
use crate::store::accounts;
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
    Unchecked(#[from] tokio::task::JoinError),
}

/// Signs in. An unknown address, a wrong one and a wrong password are the same answer after the same time.
pub(crate) async fn sign_in(core: &Core, email: &str, password: SecretString) -> Result<Session, SignInError> {
    let kept = match email.parse::<Email>() {
        Ok(email) => accounts::by_email(&core.database, &email).await?,
        Err(_) => None,
    };
    let now = core.clock.now();
    let lockout = Duration::from_secs(core.settings.lockout_s.unsigned_abs());
    if let Some(until) =
        kept.as_ref().and_then(|kept| kept.failures.locked_until(now, core.settings.attempts, lockout))
    {
        return Err(SignInError::Locked(until));
    }
    let hash = kept.as_ref().map(|kept| kept.password_hash.clone());
    // Checking takes tens of milliseconds of pure work: not on a thread that serves others.
    let right =
        tokio::task::spawn_blocking(move || password::matches(password.expose_secret(), hash.as_deref())).await?;
    let Some(kept) = kept else { return Err(SignInError::Wrong) };
    let athlete = kept.account.athlete;
    if !right {
        accounts::failed(&core.database, athlete, now).await?;
        return Err(SignInError::Wrong);
    }
    if kept.failures.count > 0 {
        accounts::succeeded(&core.database, athlete).await?;
    }
    let expires_in_s = core.settings.session_s;
    let claims = Claims {
        sub: athlete,
        iss: core.issuer.clone(),
        token_use: "access".to_owned(),
        client_id: CLIENT.to_owned(),
        exp: now.as_secs() + expires_in_s,
        iat: now.as_secs(),
        groups: kept.account.groups(),
    };
    Ok(Session { access_token: core.keys.sign(&claims)?, expires_in_s })
}

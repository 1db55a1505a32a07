//! Sends an athlete to Strava's consent page, with a state that works once, for them, for ten minutes.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::AthleteId;
use outbox::StoreError;
use url::Url;

use super::ServiceContext;
use super::check_connections::check_connection;
use crate::domain::scopes::Scopes;
use crate::store::oauth_states::{self, OauthState};
use crate::store::{connections, fingerprint};

/// Time the athlete may take.
pub(crate) const STATE_LIFE: Duration = Duration::from_mins(10);

/// A request to connect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BeginAuthorize {
    pub(crate) athlete: AthleteId,
    /// Ask for uploads too.
    pub(crate) write: bool,
    /// A browser came, which will come back with the secret it is given now.
    pub(crate) browser: bool,
}

/// An authorization that waits for the athlete's consent.
#[derive(Clone, Debug)]
pub(crate) struct PendingAuthorization {
    pub(crate) authorize_url: Url,
    /// For the browser's cookie.
    pub(crate) browser_secret: Option<String>,
}

/// The reason an athlete cannot connect now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorizeError {
    #[error("no Strava application is configured")]
    NotConfigured,
    #[error("an earlier disconnect is not answered by Strava yet")]
    StillDisconnecting,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores a state and returns the consent page's address.
pub(crate) async fn begin_authorize(
    ctx: &Arc<ServiceContext>,
    command: BeginAuthorize,
) -> Result<PendingAuthorization, AuthorizeError> {
    let app = ctx.app.as_ref().ok_or(AuthorizeError::NotConfigured)?;
    ensure_no_revoke_is_pending(ctx, command.athlete).await?;
    let write = command.write || ctx.settings.ask_write;
    let state = new_secret(ctx);
    let browser_secret = command.browser.then(|| new_secret(ctx));
    let now = ctx.now();
    let hash = &fingerprint(&state);
    let stored = &OauthState {
        athlete: command.athlete,
        application: app.client_id,
        write,
        browser_hash: browser_secret.as_deref().map(fingerprint).unwrap_or_default(),
    };
    ctx.database
        .run_plain("begin_authorize", |tx| async move {
            oauth_states::insert(tx.conn(), hash, stored, now, now.plus(STATE_LIFE)).await
        })
        .await?;
    let scopes = Scopes::requested(write);
    let authorize_url =
        ctx.strava.authorize_url(app.client_id, &ctx.redirect_uri(), &scopes, &state);
    Ok(PendingAuthorization { authorize_url, browser_secret })
}

/// Sends a revoke that is still to be answered, and fails if that does not settle it: a revoke ends
/// all tokens of an athlete, those of a later connect too.
pub(super) async fn ensure_no_revoke_is_pending(
    ctx: &Arc<ServiceContext>,
    athlete: AthleteId,
) -> Result<(), AuthorizeError> {
    let app = ctx.app.as_ref().ok_or(AuthorizeError::NotConfigured)?;
    let find_revoking = async || {
        let found =
            connections::find_by_athlete(ctx.database.readers(), app.client_id, athlete).await?;
        Ok::<_, StoreError>(found.filter(|connection| connection.revoke_pending))
    };
    let Some(connection) = find_revoking().await? else { return Ok(()) };
    check_connection(ctx, &connection.id).await?;
    match find_revoking().await? {
        Some(_) => Err(AuthorizeError::StillDisconnecting),
        None => Ok(()),
    }
}

fn new_secret(ctx: &ServiceContext) -> String {
    URL_SAFE_NO_PAD.encode(ctx.ids.secret())
}

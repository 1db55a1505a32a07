//! Sends an athlete to Strava's consent page, with a state that works once, for them, for ten minutes.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::AthleteId;
use outbox::StoreError;
use url::Url;

use super::{Means, work_off_checks};
use crate::domain::scopes::Scopes;
use crate::store::{NewState, OauthState, by_athlete, insert_state, print_of};

/// How long the athlete may take.
pub(crate) const STATE_LIFE: Duration = Duration::from_mins(10);

/// Who wants to connect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BeginAuthorize {
    pub(crate) athlete: AthleteId,
    /// Ask for uploads too.
    pub(crate) write: bool,
    /// A browser came, which will come back with the secret it is given now.
    pub(crate) browser: bool,
}

/// Where to send them.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    pub(crate) authorize_url: Url,
    /// For the browser's cookie.
    pub(crate) browser_secret: Option<String>,
}

/// Why they cannot connect now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BeginError {
    #[error("no Strava application is configured")]
    NotConfigured,
    #[error("an earlier disconnect is not answered by Strava yet")]
    StillDisconnecting,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Begins a connect.
pub(crate) async fn begin_authorize(
    means: &Arc<Means>,
    command: BeginAuthorize,
) -> Result<Begun, BeginError> {
    let app = means.app.as_ref().ok_or(BeginError::NotConfigured)?;
    ensure_nothing_is_revoked(means, command.athlete).await?;
    let write = command.write || means.settings.ask_write;
    let state = secret(means);
    let browser_secret = command.browser.then(|| secret(means));
    let now = means.now();
    let new = NewState {
        hash: print_of(&state),
        state: OauthState {
            athlete: command.athlete,
            application: app.client_id,
            write,
            browser: browser_secret.as_deref().map(print_of).unwrap_or_default(),
        },
        expires_at: now.plus(STATE_LIFE),
    };
    let plain = means.database.plain().await?;
    insert_state(plain.conn(), &new, now).await?;
    plain.commit().await?;
    let scopes = Scopes::asked(write);
    let authorize_url =
        means.strava.authorize_url(app.client_id, &means.redirect_uri(), &scopes, &state);
    Ok(Begun { authorize_url, browser_secret })
}

/// A revoke ends all tokens of an athlete, those of a connect after it too: so it comes first.
pub(super) async fn ensure_nothing_is_revoked(
    means: &Arc<Means>,
    athlete: AthleteId,
) -> Result<(), BeginError> {
    let Some(app) = &means.app else { return Err(BeginError::NotConfigured) };
    let revoking = |found: Option<crate::domain::connection::Connection>| {
        found.filter(|connection| connection.revoking)
    };
    let stored = by_athlete(means.database.readers(), app.client_id, athlete).await?;
    let Some(connection) = revoking(stored) else { return Ok(()) };
    work_off_checks::look_at(means, &connection.id).await?;
    let stored = by_athlete(means.database.readers(), app.client_id, athlete).await?;
    if revoking(stored).is_some() { Err(BeginError::StillDisconnecting) } else { Ok(()) }
}

fn secret(means: &Means) -> String {
    URL_SAFE_NO_PAD.encode(means.ids.secret())
}

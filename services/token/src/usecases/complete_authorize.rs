//! Takes an athlete back from Strava's consent page: checks the state, exchanges the code, stores
//! the connection under a new generation and publishes it.

use std::sync::Arc;

use futures::FutureExt;
use kernel::{AthleteId, Generation, StravaAthleteId};
use outbox::{Effect, StoreError, again_if_contended};
use strava_client::{ErrorKind, RefreshedTokens};

use super::ServiceContext;
use super::begin_authorize::{AuthorizeError, ensure_no_revoke_is_pending};
use super::connection::{publish_change, store_tokens, transfer_tokens};
use crate::domain::connection::{Connection, ConnectionState, StateReason};
use crate::domain::scopes::Scopes;
use crate::store::oauth_states::{self, OauthState};
use crate::store::{connections, fingerprint};

/// The athlete's way back from the consent page.
#[derive(Clone, Debug)]
pub(crate) struct CompleteAuthorize {
    pub(crate) state: String,
    pub(crate) consent: ConsentResponse,
    /// The scopes the address names, for token answers that lack them.
    pub(crate) scope: Option<String>,
    /// The athlete signed in where they came back, if anybody is.
    pub(crate) signed_in: Option<AthleteId>,
    /// The secret in the browser's cookie, if there is one.
    pub(crate) browser_secret: Option<String>,
}

/// The answer of the consent page.
#[derive(Clone, Debug)]
pub(crate) enum ConsentResponse {
    Code(String),
    Error(String),
}

/// The end of an authorization, as the athlete is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthorizeOutcome {
    /// Connected, with all that was asked for.
    Connected,
    /// The athlete said no.
    Denied,
    /// The athlete granted less than was asked for.
    ScopeMissing,
    /// The state is unknown, used, too old, or another user's.
    BadState,
    /// Strava did not exchange the code.
    NotExchanged,
    /// This Strava athlete belongs to another account, or this account to another Strava athlete.
    Taken,
}

/// The athlete's consent with the tokens it brought.
struct StravaGrant {
    strava_athlete: StravaAthleteId,
    scopes: Scopes,
    tokens: RefreshedTokens,
}

/// Completes the authorization that the state belongs to.
pub(crate) async fn complete_authorize(
    ctx: &Arc<ServiceContext>,
    command: CompleteAuthorize,
) -> Result<AuthorizeOutcome, AuthorizeError> {
    let app = ctx.app.as_ref().ok_or(AuthorizeError::NotConfigured)?;
    let tx = ctx.database.plain().await?;
    let taken = oauth_states::take(tx.conn(), &fingerprint(&command.state), ctx.now()).await?;
    tx.commit().await?;
    let Some(state) = taken.filter(|state| {
        state.application == app.client_id && is_where_they_left(ctx, state, &command)
    }) else {
        return Ok(AuthorizeOutcome::BadState);
    };
    ctx.failpoints.hit("token.state-taken");
    let code = match command.consent {
        ConsentResponse::Code(code) => code,
        ConsentResponse::Error(error) if error == "access_denied" => {
            return Ok(AuthorizeOutcome::Denied);
        }
        ConsentResponse::Error(_) => return Ok(AuthorizeOutcome::NotExchanged),
    };
    ensure_no_revoke_is_pending(ctx, state.athlete).await?;
    let task_ctx = ctx.clone();
    // The exchange may end tokens we hold: its answer is stored even if the request is dropped.
    let exchange = async move {
        exchange_code(&task_ctx, &code, &state, command.scope.as_deref()).boxed().await
    };
    match ctx.run_detached(exchange).await {
        Some(outcome) => Ok(outcome?),
        None => Ok(AuthorizeOutcome::NotExchanged),
    }
}

/// Returns true if the athlete comes back where they left: signed in as the same user, or in the
/// same browser. A script that began has neither: unless the operator forbids it, any browser may
/// come back in which nobody else is signed in.
fn is_where_they_left(
    ctx: &ServiceContext,
    state: &OauthState,
    command: &CompleteAuthorize,
) -> bool {
    match command.signed_in {
        Some(athlete) => athlete == state.athlete,
        None if state.browser_hash.is_empty() => ctx.settings.script_connects,
        None => command
            .browser_secret
            .as_deref()
            .is_some_and(|secret| fingerprint(secret) == state.browser_hash),
    }
}

async fn exchange_code(
    ctx: &ServiceContext,
    code: &str,
    state: &OauthState,
    scope: Option<&str>,
) -> Result<AuthorizeOutcome, StoreError> {
    let Some(app) = &ctx.app else { return Ok(AuthorizeOutcome::NotExchanged) };
    let exchanged = match ctx.strava.exchange_code(app, code).await {
        Ok(answer) => answer.body,
        Err(error) => {
            let client_refused = matches!(error.kind, ErrorKind::ClientRefused);
            tracing::warn!(%error, client_refused, "a code was not exchanged");
            return Ok(AuthorizeOutcome::NotExchanged);
        }
    };
    ctx.failpoints.hit("token.code-exchanged");
    let scopes = match &exchanged.scopes {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => Scopes::parse(scope.unwrap_or_default()),
    };
    let grant = &StravaGrant {
        strava_athlete: exchanged.athlete.id,
        scopes,
        tokens: RefreshedTokens {
            access_token: exchanged.access_token,
            refresh_token: exchanged.refresh_token,
            expires_at: exchanged.expires_at,
        },
    };
    again_if_contended(move || try_connect(ctx, state, grant).boxed()).await
}

async fn try_connect(
    ctx: &ServiceContext,
    state: &OauthState,
    grant: &StravaGrant,
) -> Result<AuthorizeOutcome, StoreError> {
    let (application, athlete) = (state.application, state.athlete);
    let mut tx = ctx.database.effect(athlete).await?;
    if tx.is_gone() {
        return Ok(AuthorizeOutcome::BadState);
    }
    let holder = connections::find_holder(tx.conn(), application, grant.strava_athlete).await?;
    if let Some(holder) = holder.filter(|holder| holder.athlete != athlete) {
        drop(tx);
        // The exchange may have ended the holder's tokens: the new ones are theirs.
        transfer_tokens(ctx, &holder.id, &grant.tokens, &grant.scopes).await?;
        return Ok(AuthorizeOutcome::Taken);
    }
    let stored = connections::find_by_athlete(tx.conn(), application, athlete).await?;
    if stored.as_ref().is_some_and(|known| {
        known.strava_athlete != grant.strava_athlete && known.state != ConnectionState::Disconnected
    }) {
        return Ok(AuthorizeOutcome::Taken);
    }
    let is_new = stored.is_none();
    let mut connection = match stored {
        Some(stored) => stored,
        None => {
            let id = ctx.ids.uuid_v7(ctx.now()).to_string();
            Connection::new(id, application, athlete, grant.strava_athlete)
        }
    };
    start_generation(ctx, &mut tx, &mut connection, grant).await?;
    publish_change(&mut tx, &mut connection).await?;
    let stored = if is_new {
        connections::insert(tx.conn(), &connection).await
    } else {
        connections::update(tx.conn(), &connection).await
    };
    match stored {
        Ok(()) => tx.commit().await?,
        // Somebody else connected the same Strava athlete at this very moment.
        Err(StoreError::UniqueViolation) => return Ok(AuthorizeOutcome::Taken),
        Err(error) => return Err(error),
    }
    ctx.failpoints.hit("token.connected");
    let enough = grant.scopes.can_read() && (grant.scopes.can_write() || !state.write);
    Ok(if enough { AuthorizeOutcome::Connected } else { AuthorizeOutcome::ScopeMissing })
}

/// Gives the connection a new generation with new tokens; work begun with the old ones is void.
async fn start_generation(
    ctx: &ServiceContext,
    tx: &mut Effect,
    connection: &mut Connection,
    grant: &StravaGrant,
) -> Result<(), StoreError> {
    connection.restart(grant.strava_athlete, Generation::new(tx.next().await?), ctx.now());
    store_tokens(ctx, connection, &grant.tokens)?;
    connection.scopes = grant.scopes.clone();
    (connection.state, connection.reason) = if grant.scopes.can_read() {
        (ConnectionState::Connected, StateReason::None)
    } else {
        (ConnectionState::ReconnectNeeded, StateReason::ScopeMissing)
    };
    Ok(())
}

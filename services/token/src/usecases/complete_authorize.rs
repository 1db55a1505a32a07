//! Takes an athlete back from Strava's consent page: checks the state, exchanges the code, stores
//! the connection under a new generation and publishes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kernel::{AthleteId, Generation, StravaAthleteId, Timestamp};
use outbox::{AthleteTx, StoreError};
use strava_client::{ErrorKind, RefreshedTokens};

use super::begin_authorize::{AuthorizeError, ensure_no_revoke_is_pending};
use super::connection::{publish_change, store_answer, store_tokens, transfer_tokens};
use super::{ServiceContext, seats};
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
    /// The application has as many athletes as Strava allows it.
    AthleteLimit,
    /// This Strava athlete belongs to another account, or this account to another Strava athlete.
    Taken,
}

/// The athlete's consent with the tokens it brought.
struct StravaGrant {
    strava_athlete: StravaAthleteId,
    scopes: Scopes,
    tokens: RefreshedTokens,
    /// Time of the exchange: the connection that it led to is known by it.
    exchanged_at: Timestamp,
    /// True if the connection may be stored already: the answer to a commit was lost.
    may_be_stored: AtomicBool,
}

impl StravaGrant {
    fn is_stored(&self, stored: &Connection) -> bool {
        self.may_be_stored.load(Ordering::Relaxed)
            && stored.strava_athlete == self.strava_athlete
            && stored.connected_at == self.exchanged_at
    }
}

/// Completes the authorization that the state belongs to.
pub(crate) async fn complete_authorize(
    ctx: &Arc<ServiceContext>,
    command: CompleteAuthorize,
) -> Result<AuthorizeOutcome, AuthorizeError> {
    let app = ctx.app.as_ref().ok_or(AuthorizeError::NotConfigured)?;
    let state_hash = &fingerprint(&command.state);
    let is_theirs = |state: &OauthState| {
        state.application == app.client_id && is_where_they_left(ctx, state, &command)
    };
    let taken = ctx
        .database
        .run_plain("take_oauth_state", |tx| async move {
            let taken = oauth_states::take(tx.conn(), state_hash, ctx.now(), is_theirs).await?;
            Ok::<_, StoreError>(if taken.is_some() { taken } else { tx.unchanged(None) })
        })
        .await?;
    let Some(state) = taken else { return Ok(AuthorizeOutcome::BadState) };
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
    let exchange =
        async move { exchange_code(&task_ctx, &code, &state, command.scope.as_deref()).await };
    match ctx.run_detached(exchange).await {
        Some(outcome) => Ok(outcome?),
        None => Ok(AuthorizeOutcome::NotExchanged),
    }
}

/// Returns true if the athlete comes back where they left: signed in as the same user, or in the
/// same browser. A script that began has neither: where only this machine reaches us, and the
/// operator does not forbid it, any browser may come back in which nobody else is signed in.
fn is_where_they_left(
    ctx: &ServiceContext,
    state: &OauthState,
    command: &CompleteAuthorize,
) -> bool {
    match command.signed_in {
        Some(athlete) => athlete == state.athlete,
        None if state.browser_hash.is_empty() => ctx.settings.script_connects.unwrap_or(true),
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
        Err(error) if error.kind == ErrorKind::AthleteLimit => {
            let full = seats::record_full(ctx, app.client_id).await?;
            tracing::warn!(
                used = full,
                "Strava's limit of connected athletes is exceeded: free a seat (paceline seats), or ask Strava for more"
            );
            return Ok(AuthorizeOutcome::AthleteLimit);
        }
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
        exchanged_at: ctx.now(),
        may_be_stored: AtomicBool::new(false),
    };
    let work = |tx: AthleteTx| async move { store_connection(ctx, &tx, state, grant).await };
    let store = || async {
        let stored = ctx.database.run("store_connection", state.athlete, work).await;
        if matches!(stored, Err(StoreError::CommitUnknown(_))) {
            grant.may_be_stored.store(true, Ordering::Relaxed);
        }
        stored
    };
    let outcome = match store_answer(store).await {
        // Somebody else connected the same Strava athlete at this very moment.
        Err(StoreError::UniqueViolation) => return Ok(AuthorizeOutcome::Taken),
        outcome => outcome?,
    };
    match outcome {
        AuthorizeOutcome::Taken => transfer_to_holder(ctx, state, grant).await?,
        AuthorizeOutcome::BadState => {}
        _ => {
            let (athlete, strava_athlete) = (state.athlete, grant.strava_athlete);
            let scopes = grant.scopes.joined();
            tracing::info!(%athlete, %strava_athlete, scopes, "an athlete connected Strava");
            ctx.failpoints.hit("token.connected");
        }
    }
    Ok(outcome)
}

/// Gives the tokens to the other athlete who holds the Strava athlete, if there is one: the exchange
/// may have ended theirs.
async fn transfer_to_holder(
    ctx: &ServiceContext,
    state: &OauthState,
    grant: &StravaGrant,
) -> Result<(), StoreError> {
    let readers = ctx.database.readers();
    let holder = connections::find_holder(readers, state.application, grant.strava_athlete).await?;
    match holder.filter(|holder| holder.athlete != state.athlete) {
        Some(holder) => {
            store_answer(|| transfer_tokens(ctx, &holder.id, &grant.tokens, &grant.scopes)).await
        }
        None => Ok(()),
    }
}

/// Stores the connection under a new generation and publishes it.
async fn store_connection(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    state: &OauthState,
    grant: &StravaGrant,
) -> Result<AuthorizeOutcome, StoreError> {
    let (application, athlete, strava_athlete) =
        (state.application, state.athlete, grant.strava_athlete);
    if tx.is_gone() {
        return Ok(tx.unchanged(AuthorizeOutcome::BadState));
    }
    let holder = connections::find_holder(tx.conn(), application, strava_athlete).await?;
    let stored = connections::find_by_athlete(tx.conn(), application, athlete).await?;
    if holder.is_some_and(|holder| holder.athlete != athlete)
        || stored.as_ref().is_some_and(|stored| {
            stored.strava_athlete != strava_athlete && stored.state != ConnectionState::Disconnected
        })
    {
        return Ok(tx.unchanged(AuthorizeOutcome::Taken));
    }
    let enough = grant.scopes.can_read() && (grant.scopes.can_write() || !state.write);
    let outcome = if enough { AuthorizeOutcome::Connected } else { AuthorizeOutcome::ScopeMissing };
    if stored.as_ref().is_some_and(|stored| grant.is_stored(stored)) {
        return Ok(tx.unchanged(outcome));
    }
    let (is_new, now) = (stored.is_none(), grant.exchanged_at);
    let id = stored.map_or_else(|| ctx.ids.uuid_v7(now).to_string(), |stored| stored.id);
    let mut connection = Connection::new(id, application, athlete, strava_athlete);
    connection.generation = Generation::new(tx.draw_ticket().get());
    connection.connected_at = now;
    connection.scopes = grant.scopes.clone();
    if !grant.scopes.can_read() {
        connection.state = ConnectionState::ReconnectNeeded;
        connection.reason = StateReason::ScopeMissing;
    }
    store_tokens(ctx, &mut connection, &grant.tokens)?;
    publish_change(ctx, tx, &mut connection).await?;
    if is_new {
        connections::insert(tx.conn(), &connection).await?;
    } else {
        connections::update(tx.conn(), &connection).await?;
    }
    Ok(outcome)
}

//! Takes an athlete back from Strava's consent page: checks the state, exchanges the code, stores
//! the connection under a new generation, and tells everybody.

use std::sync::Arc;

use futures::FutureExt;
use kernel::{AthleteId, Generation};
use outbox::{Effect, StoreError, again_if_contended};
use strava_client::{ErrorKind, ExchangedTokens};

use super::begin_authorize::{BeginError, ensure_nothing_is_revoked};
use super::{Means, announce, refresh};
use crate::domain::connection::{Connection, Reason, Sealed, State};
use crate::domain::scopes::Scopes;
use crate::store::{OauthState, by_athlete, holder_of, insert, print_of, save, take_state};

/// What came back with the athlete.
#[derive(Clone, Debug)]
pub(crate) struct CompleteAuthorize {
    pub(crate) state: String,
    pub(crate) answer: Answer,
    /// The scopes the address names, for token answers that lack them.
    pub(crate) scope: Option<String>,
    /// Who is signed in where the athlete came back, if anybody is.
    pub(crate) signed_in: Option<AthleteId>,
    /// The secret in the browser's cookie, if there is one.
    pub(crate) browser_secret: Option<String>,
}

/// The athlete's answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Code(String),
    Error(String),
}

/// How it ended, for the athlete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
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

/// Ends a connect.
pub(crate) async fn complete_authorize(
    means: &Arc<Means>,
    command: CompleteAuthorize,
) -> Result<Ending, BeginError> {
    let Some(app) = &means.app else { return Err(BeginError::NotConfigured) };
    let plain = means.database.plain().await?;
    let taken = take_state(plain.conn(), &print_of(&command.state), means.now()).await?;
    plain.commit().await?;
    let Some(state) = taken
        .filter(|state| state.application == app.client_id && came_from(means, state, &command))
    else {
        return Ok(Ending::BadState);
    };
    means.failpoints.hit("token.state-taken");
    let code = match command.answer {
        Answer::Code(code) => code,
        Answer::Error(error) if error == "access_denied" => return Ok(Ending::Denied),
        Answer::Error(_) => return Ok(Ending::NotExchanged),
    };
    ensure_nothing_is_revoked(means, state.athlete).await?;
    let task = means.clone();
    // The exchange may end tokens we hold: whoever answers it stores it, request or no request.
    let ending = means
        .owned
        .run(async move { exchange(&task, &code, &state, command.scope.as_deref()).boxed().await });
    match ending.await {
        Some(ending) => Ok(ending?),
        None => Ok(Ending::NotExchanged),
    }
}

async fn exchange(
    means: &Means,
    code: &str,
    state: &OauthState,
    named: Option<&str>,
) -> Result<Ending, StoreError> {
    let Some(app) = &means.app else { return Ok(Ending::NotExchanged) };
    let exchanged = match means.strava.exchange_code(app, code).await {
        Ok(answer) => answer.body,
        Err(error) => {
            let ours = matches!(error.kind, ErrorKind::ClientRefused);
            tracing::warn!(%error, ours, "a code was not exchanged");
            return Ok(Ending::NotExchanged);
        }
    };
    means.failpoints.hit("token.code-exchanged");
    let granted = match &exchanged.scopes {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => Scopes::parse(named.unwrap_or_default()),
    };
    let (exchanged, granted) = (&exchanged, &granted);
    again_if_contended(move || connect(means, state, exchanged, granted).boxed()).await
}

/// Whether the athlete comes back where they left: signed in as the same user, or in the same
/// browser. A script that began has neither: unless the operator forbids it, any browser may come
/// back in which nobody else is signed in.
fn came_from(means: &Means, state: &OauthState, command: &CompleteAuthorize) -> bool {
    match command.signed_in {
        Some(athlete) => athlete == state.athlete,
        None if state.browser.is_empty() => means.settings.script_connects,
        None => command
            .browser_secret
            .as_deref()
            .is_some_and(|secret| print_of(secret) == state.browser),
    }
}

async fn connect(
    means: &Means,
    state: &OauthState,
    exchanged: &ExchangedTokens,
    granted: &Scopes,
) -> Result<Ending, StoreError> {
    let (application, strava_athlete) = (state.application, exchanged.athlete.id);
    let mut effect = means.database.effect(state.athlete).await?;
    if effect.is_gone() {
        return Ok(Ending::BadState);
    }
    if let Some(holder) =
        holder_of(effect.conn(), application, strava_athlete, state.athlete).await?
    {
        drop(effect);
        // The exchange may have ended the tokens of the one who holds this athlete: the new ones are theirs.
        refresh::hand_over(means, &holder, exchanged, granted).await?;
        return Ok(Ending::Taken);
    }
    let stored = by_athlete(effect.conn(), application, state.athlete).await?;
    let other = |known: &Connection| {
        known.strava_athlete != strava_athlete && known.state != State::Disconnected
    };
    if stored.as_ref().is_some_and(other) {
        return Ok(Ending::Taken);
    }
    let is_new = stored.is_none();
    let mut connection = match stored {
        Some(stored) => stored,
        None => blank(means, state, exchanged),
    };
    renew(means, &mut effect, &mut connection, exchanged).await?;
    connection.scopes = granted.clone();
    (connection.state, connection.reason) = if granted.reads() {
        (State::Connected, Reason::None)
    } else {
        (State::ReconnectNeeded, Reason::ScopeMissing)
    };
    announce::changed(&mut effect, &mut connection).await?;
    let stored = if is_new {
        insert(effect.conn(), &connection).await
    } else {
        save(effect.conn(), &connection).await
    };
    match stored {
        Ok(()) => effect.commit().await?,
        // Somebody else connected the same Strava athlete at this very moment.
        Err(StoreError::UniqueViolation) => return Ok(Ending::Taken),
        Err(error) => return Err(error),
    }
    means.failpoints.hit("token.connected");
    let enough = granted.reads() && (granted.writes() || !state.write);
    Ok(if enough { Ending::Connected } else { Ending::ScopeMissing })
}

/// A new generation with new tokens; whatever was begun with the old ones is over.
async fn renew(
    means: &Means,
    effect: &mut Effect,
    connection: &mut Connection,
    exchanged: &ExchangedTokens,
) -> Result<(), StoreError> {
    connection.strava_athlete = exchanged.athlete.id;
    connection.generation = Generation::new(effect.next().await?);
    connection.connected_at = means.now();
    connection.intent = None;
    connection.hinted_at = None;
    connection.check_due = None;
    connection.revoking = false;
    connection.hold_until = None;
    connection.dead_reports = 0;
    let tokens = (&exchanged.access_token, &exchanged.refresh_token, exchanged.expires_at);
    refresh::put_tokens(means, connection, tokens)
}

fn blank(means: &Means, state: &OauthState, exchanged: &ExchangedTokens) -> Connection {
    let now = means.now();
    Connection {
        id: means.ids.uuid_v7(now).to_string(),
        application: state.application,
        strava_athlete: exchanged.athlete.id,
        athlete: state.athlete,
        generation: Generation::new(0),
        state: State::Connected,
        reason: Reason::None,
        scopes: Scopes::default(),
        access: Sealed::default(),
        refresh: Sealed::default(),
        access_print: String::new(),
        refresh_print: String::new(),
        token_expires_at: None,
        intent: None,
        hinted_at: None,
        check_due: None,
        revoking: false,
        hold_until: None,
        dead_reports: 0,
        revision: 0,
        connected_at: now,
    }
}

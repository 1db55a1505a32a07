//! Keeps access tokens fresh: one refresh at a time per connection, its intent recorded first, its
//! answer stored before use, whatever became of whoever wanted it.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use kernel::Timestamp;
use outbox::{Effect, StoreError, again_if_contended};
use secrecy::ExposeSecret;
use strava_client::{
    AccessToken, ErrorKind, ExchangedTokens, RefreshToken, RefreshedTokens, StravaError,
};

use super::{Means, announce};
use crate::domain::connection::{Connection, Intent, Reason, State};
use crate::domain::scopes::Scopes;
use crate::store::{Column, by_id, keep_tokens, print_of, save};

/// When to ask again after Strava's token door was closed.
const DOOR_CLOSED: Duration = Duration::from_secs(5);
/// When to ask again after Strava refused the application itself: somebody has to repair that.
const CLIENT_REFUSED: Duration = Duration::from_mins(1);
/// How long an answer of Strava's is held while the database is away.
const STORE_PATIENCE: u32 = 60;

/// Why a token is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It ends soon, or Strava called it dead.
    Stale,
    /// Strava hinted that access was withdrawn: a refresh tells.
    Hinted,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The stored token is as fresh as Strava gives it.
    Fresh,
    /// The connection is not connected any more.
    Ended,
    /// Ask again then.
    Later(Timestamp),
}

enum Begun {
    Needless,
    Ended,
    Busy(Timestamp),
    /// The refresh token to send, its print, and whether an earlier answer may have got lost.
    Send {
        token: RefreshToken,
        print: String,
        unsure: bool,
    },
}

/// Sees to it that the connection's access token is fresh.
pub(crate) async fn refresh(
    means: &Arc<Means>,
    connection: &str,
    why: Why,
) -> Result<Outcome, StoreError> {
    let (task, id) = (means.clone(), connection.to_owned());
    let done = means.owned.run(async move { in_turn(&task, &id, why).boxed().await }).await;
    done.unwrap_or_else(|| Ok(Outcome::Later(means.now().plus(DOOR_CLOSED))))
}

async fn in_turn(means: &Means, id: &str, why: Why) -> Result<Outcome, StoreError> {
    let _turn = means.turns.of(id).await;
    for _again in 0..3 {
        let (token, print, unsure) =
            match again_if_contended(move || begin(means, id, why).boxed()).await? {
                Begun::Needless => return Ok(Outcome::Fresh),
                Begun::Ended => return Ok(Outcome::Ended),
                Begun::Busy(until) => return Ok(Outcome::Later(until)),
                Begun::Send { token, print, unsure } => (token, print, unsure),
            };
        means.failpoints.hit("token.refresh-intended");
        let Some(app) = &means.app else {
            return Ok(Outcome::Later(means.now().plus(CLIENT_REFUSED)));
        };
        metrics::counter!("token_refreshes_total").increment(1);
        let answer = means.strava.refresh_tokens(app, &token).await;
        means.failpoints.hit("token.refresh-answered");
        let print = print.as_str();
        let settled = match answer {
            Ok(ref answer) => keep(means, id, print, &answer.body).await?,
            Err(StravaError { kind: ErrorKind::GrantRefused, .. }) => {
                again_if_contended(move || refused(means, id, print, unsure).boxed()).await?
            }
            Err(ref error) => Some(
                again_if_contended(move || unanswered(means, id, print, unsure, error).boxed())
                    .await?,
            ),
        };
        // None: somebody stored newer tokens meanwhile; look again.
        if let Some(outcome) = settled {
            return Ok(outcome);
        }
    }
    Ok(Outcome::Later(means.now().plus(DOOR_CLOSED)))
}

/// Records the intent, unless there is nothing to do or somebody else is at it.
async fn begin(means: &Means, id: &str, why: Why) -> Result<Begun, StoreError> {
    let Some((effect, mut connection)) = locked(means, id).await? else { return Ok(Begun::Ended) };
    let now = means.now();
    let wanted = match connection.state {
        State::Connected => true,
        // Strava's hint may come after its refusal; what is lost already tells nothing more.
        State::ReconnectNeeded => {
            why == Why::Hinted
                && matches!(connection.reason, Reason::RefreshRefused | Reason::ScopeMissing)
        }
        State::Disconnected => false,
    };
    if !wanted {
        connection.hinted_at = None;
        if !connection.revoking {
            connection.check_due = None;
        }
        save(effect.conn(), &connection).await?;
        effect.commit().await?;
        return Ok(Begun::Ended);
    }
    if why == Why::Stale && connection.is_fresh(now, means.settings.refresh_margin()) {
        return Ok(Begun::Needless);
    }
    let open = connection.refresh_ends(means.settings.refresh_patience());
    if let Some(until) = open.filter(|until| *until > now) {
        return Ok(Begun::Busy(until));
    }
    let unsure = open.is_some();
    let Ok(token) = means.keys.open(&connection.id, Column::Refresh, &connection.refresh) else {
        end(effect, connection, State::ReconnectNeeded, Reason::Unreadable).await?;
        return Ok(Begun::Ended);
    };
    let print = connection.refresh_print.clone();
    let attempt = means.ids.uuid_v7(now).to_string();
    connection.intent = Some(Intent { attempt, at: now, print: print.clone() });
    save(effect.conn(), &connection).await?;
    effect.commit().await?;
    Ok(Begun::Send { token: RefreshToken::new(token.expose_secret()), print, unsure })
}

/// Stores Strava's answer, however long the database takes to come back: nobody else has it.
async fn keep(
    means: &Means,
    id: &str,
    sent: &str,
    answer: &RefreshedTokens,
) -> Result<Option<Outcome>, StoreError> {
    let mut tried = 0;
    loop {
        match again_if_contended(move || keep_once(means, id, sent, answer).boxed()).await {
            Err(StoreError::Unavailable(_) | StoreError::Conflict(_)) if tried < STORE_PATIENCE => {
                tried += 1;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            done => return done,
        }
    }
}

async fn keep_once(
    means: &Means,
    id: &str,
    sent: &str,
    answer: &RefreshedTokens,
) -> Result<Option<Outcome>, StoreError> {
    let Some((mut effect, mut connection)) = locked(means, id).await? else {
        return Ok(Some(Outcome::Ended));
    };
    if connection.refresh_print != sent {
        return Ok(None);
    }
    put_tokens(
        means,
        &mut connection,
        (&answer.access_token, &answer.refresh_token, answer.expires_at),
    )?;
    let asked_at = connection.intent.take().map(|intent| intent.at);
    if connection.revoking {
        // Disconnected meanwhile: these are the tokens the revoke has waited for.
        connection.check_due = Some(means.now());
    } else if connection.hinted_at <= asked_at {
        // A hint that came while Strava was asked may speak of what came after the answer.
        connection.hinted_at = None;
        connection.check_due = None;
    }
    if connection.state == State::ReconnectNeeded && connection.reason == Reason::RefreshRefused {
        (connection.state, connection.reason) = (State::Connected, Reason::None);
        announce::changed(&mut effect, &mut connection).await?;
    }
    if !keep_tokens(effect.conn(), &connection, sent).await? {
        return Ok(None);
    }
    effect.commit().await?;
    if connection.revoking {
        means.due.notify_one();
    }
    means.failpoints.hit("token.refresh-stored");
    Ok(Some(Outcome::Fresh))
}

/// Strava refused the refresh token. That ends the connection only if it is still the stored one.
async fn refused(
    means: &Means,
    id: &str,
    sent: &str,
    unsure: bool,
) -> Result<Option<Outcome>, StoreError> {
    let Some((effect, connection)) = locked(means, id).await? else {
        return Ok(Some(Outcome::Ended));
    };
    if connection.refresh_print != sent {
        return Ok(None);
    }
    let (state, reason) = if unsure {
        (State::ReconnectNeeded, Reason::RefreshLost)
    } else if connection.hinted_at.is_some() {
        (State::Disconnected, Reason::Withdrawn)
    } else {
        (State::ReconnectNeeded, Reason::RefreshRefused)
    };
    end(effect, connection, state, reason).await?;
    means.failpoints.hit("token.connection-ended");
    Ok(Some(Outcome::Ended))
}

/// No answer, or one that says nothing about the token. Unless the request certainly never left,
/// the intent stays: Strava may have replaced the token.
async fn unanswered(
    means: &Means,
    id: &str,
    sent: &str,
    unsure: bool,
    error: &StravaError,
) -> Result<Outcome, StoreError> {
    let ours = matches!(error.kind, ErrorKind::ClientRefused);
    if ours {
        tracing::error!("Strava refuses the client id or secret; no connection is touched");
    } else {
        tracing::warn!(%error, "a refresh was not answered");
    }
    let never_processed =
        ours || error.was_never_sent() || matches!(error.kind, ErrorKind::RateLimited);
    if let Some((effect, mut connection)) = locked(means, id).await?
        && connection.intent.as_ref().is_some_and(|intent| intent.print == sent)
    {
        match &mut connection.intent {
            Some(intent) if unsure || !never_processed => intent.at = Timestamp::from_micros(1),
            intent => *intent = None,
        }
        save(effect.conn(), &connection).await?;
        effect.commit().await?;
    }
    Ok(Outcome::Later(means.now().plus(if ours { CLIENT_REFUSED } else { DOOR_CLOSED })))
}

/// Ends the connection and tells everybody.
pub(super) async fn end(
    mut effect: Effect,
    mut connection: Connection,
    state: State,
    reason: Reason,
) -> Result<(), StoreError> {
    // The athlete was faster, and their word stays; so does the revoke.
    if connection.state == State::Disconnected {
        return Ok(());
    }
    let changes = (connection.state, connection.reason) != (state, reason);
    connection.end(state, reason);
    connection.check_due = None;
    if changes {
        // Many at once are an alarm: a restored backup, or a wrong client id.
        metrics::counter!("token_connections_ended_total", "reason" => reason.code()).increment(1);
        tracing::warn!(athlete = %connection.athlete, state = state.code(), reason = reason.code(), "a connection ended");
        announce::changed(&mut effect, &mut connection).await?;
    }
    save(effect.conn(), &connection).await?;
    effect.commit().await
}

/// Seals new tokens into the connection.
pub(super) fn put_tokens(
    means: &Means,
    connection: &mut Connection,
    (access, refresh, expires_at): (&AccessToken, &RefreshToken, Timestamp),
) -> Result<(), StoreError> {
    let seal = |column, token: &str| {
        means
            .keys
            .seal(means.ids.as_ref(), &connection.id, column, token)
            .map_err(|_unsealed| StoreError::inconsistent("a token could not be sealed"))
    };
    let (sealed_access, sealed_refresh) =
        (seal(Column::Access, access.expose())?, seal(Column::Refresh, refresh.expose())?);
    let access_print = print_of(access.expose());
    if access_print != connection.access_print {
        connection.dead_reports = 0;
        connection.hold_until = None;
    }
    connection.access = sealed_access;
    connection.refresh = sealed_refresh;
    connection.access_print = access_print;
    connection.refresh_print = print_of(refresh.expose());
    connection.token_expires_at = Some(expires_at);
    Ok(())
}

/// Gives tokens that somebody else's consent brought to the one who holds the Strava athlete.
pub(super) async fn hand_over(
    means: &Means,
    holder: &Connection,
    exchanged: &ExchangedTokens,
    granted: &Scopes,
) -> Result<(), StoreError> {
    let Some((mut effect, mut connection)) = locked(means, &holder.id).await? else {
        return Ok(());
    };
    if connection.state == State::Disconnected {
        return Ok(());
    }
    put_tokens(
        means,
        &mut connection,
        (&exchanged.access_token, &exchanged.refresh_token, exchanged.expires_at),
    )?;
    connection.intent = None;
    if connection.scopes != *granted {
        connection.scopes = granted.clone();
        announce::changed(&mut effect, &mut connection).await?;
    }
    save(effect.conn(), &connection).await?;
    effect.commit().await
}

/// The connection, with its athlete's row locked.
pub(super) async fn locked(
    means: &Means,
    id: &str,
) -> Result<Option<(Effect, Connection)>, StoreError> {
    let Some(known) = by_id(means.database.readers(), id).await? else { return Ok(None) };
    let effect = means.database.effect(known.athlete).await?;
    let connection = by_id(effect.conn(), id).await?;
    Ok(connection.map(|connection| (effect, connection)))
}

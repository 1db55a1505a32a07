//! Changes of a connection that several use cases make: storing, ending and transferring its tokens.

use std::future::Future;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use contracts::athletes::{self, AthleteChanged, athlete_changed::Change};
use contracts::{Cause, Origin, Topic};
use kernel::{AthleteId, Timestamp};
use outbox::{AthleteTx, OutboxMessage, StoreError};
use strava_client::RefreshedTokens;

use super::ServiceContext;
use super::erasures::{answer_own, request_erasure};
use crate::domain::connection::{Connection, ConnectionState, StateReason};
use crate::domain::erasure::ErasureReason;
use crate::domain::scopes::Scopes;
use crate::store::{TokenKind, connections, fingerprint, seats};

/// Maximum number of times an answer of Strava's is stored again while the database is away.
const MAX_STORE_RETRIES: usize = 60;
/// Pause between these.
const STORE_RETRY_DELAY: Duration = Duration::from_millis(500);
/// Pause before a token that no key opens is tried again.
pub(super) const UNREADABLE_RETRY_DELAY: Duration = Duration::from_mins(5);

/// Runs a transaction on a connection under the lock of its athlete. A connection is deleted only when its athlete is
/// gone and nothing needs its tokens, so a missing one is an error.
pub(super) async fn run_locked<T, Fut>(
    ctx: &ServiceContext,
    name: &'static str,
    id: &str,
    work: impl Fn(AthleteTx, Connection) -> Fut + Send + Sync,
) -> Result<T, StoreError>
where
    T: Send,
    Fut: Future<Output = Result<T, StoreError>> + Send,
{
    let athlete = connections::get(ctx.database.readers(), id).await?.athlete;
    let work = &work;
    let locked = |tx: AthleteTx| async move {
        let connection = connections::get(tx.conn(), id).await?;
        work(tx, connection).await
    };
    ctx.database.run(name, athlete, locked).await
}

/// Stores an answer of Strava's, which nobody else has: again for half a minute while the database is away. `store` has
/// to look at what is stored, for a commit without an answer may have happened.
pub(super) async fn store_answer<T, Fut>(store: impl FnMut() -> Fut) -> Result<T, StoreError>
where
    Fut: Future<Output = Result<T, StoreError>>,
{
    let delays = ConstantBuilder::new().with_delay(STORE_RETRY_DELAY);
    store.retry(delays.with_max_times(MAX_STORE_RETRIES)).when(StoreError::is_temporary).await
}

/// Seals new tokens and puts them into the connection; the caller writes the row.
pub(super) fn store_tokens(
    ctx: &ServiceContext,
    connection: &mut Connection,
    tokens: &RefreshedTokens,
) -> Result<(), StoreError> {
    let seal = |kind, token: &str| {
        ctx.keys
            .seal(ctx.ids.as_ref(), &connection.id, kind, token)
            .map_err(|_unsealed| StoreError::inconsistent("a token could not be sealed"))
    };
    let access = seal(TokenKind::Access, tokens.access_token.expose())?;
    let refresh = seal(TokenKind::Refresh, tokens.refresh_token.expose())?;
    let access_fingerprint = fingerprint(tokens.access_token.expose());
    if access_fingerprint != connection.access_fingerprint {
        connection.refused_token_reports = 0;
        connection.hold_until = None;
    }
    connection.access = access;
    connection.refresh = refresh;
    connection.access_fingerprint = access_fingerprint;
    connection.refresh_fingerprint = fingerprint(tokens.refresh_token.expose());
    connection.token_expires_at = Some(tokens.expires_at);
    Ok(())
}

/// Stores tokens that another athlete's consent brought with the connection that holds the Strava
/// athlete.
pub(super) async fn transfer_tokens(
    ctx: &ServiceContext,
    holder: &str,
    tokens: &RefreshedTokens,
    scopes: &Scopes,
) -> Result<(), StoreError> {
    run_locked(ctx, "transfer_tokens", holder, |tx, mut connection| async move {
        if connection.state == ConnectionState::Disconnected {
            return tx.unchanged(Ok(()));
        }
        store_tokens(ctx, &mut connection, tokens)?;
        connection.intent = None;
        if connection.scopes != *scopes {
            connection.scopes = scopes.clone();
            publish_change(ctx, &tx, &mut connection).await?;
        }
        connections::update(tx.conn(), &connection).await
    })
    .await
}

enum EndResult {
    /// `decide` gave no reason to end it.
    Open,
    /// It had ended before.
    AlreadyEnded,
    Ended {
        athlete: AthleteId,
        state: ConnectionState,
        reason: StateReason,
    },
}

/// Ends the connection with the state and the reason that `decide` gives; returns false if it gives
/// none. A connection that the athlete disconnected stays as it is.
pub(super) async fn end_connection(
    ctx: &ServiceContext,
    id: &str,
    decide: impl Fn(&Connection) -> Option<(ConnectionState, StateReason)> + Send + Sync,
) -> Result<bool, StoreError> {
    let decide = &decide;
    let result = run_locked(ctx, "end_connection", id, |tx, mut connection| async move {
        let Some((state, reason)) = decide(&connection) else {
            return Ok(tx.unchanged(EndResult::Open));
        };
        if connection.state == ConnectionState::Disconnected {
            return Ok(tx.unchanged(EndResult::AlreadyEnded));
        }
        let changes = (connection.state, connection.reason) != (state, reason);
        if changes {
            publish_end(ctx, &tx, &mut connection, (state, reason)).await?;
        } else {
            connection.end(state, reason);
            connections::update(tx.conn(), &connection).await?;
        }
        let ended = EndResult::Ended { athlete: connection.athlete, state, reason };
        Ok(if changes { ended } else { EndResult::AlreadyEnded })
    })
    .await?;
    if let EndResult::Ended { athlete, state, reason } = result {
        ctx.wake_workers();
        // Many at once are an alarm: a restored backup, or a wrong client id.
        metrics::counter!("token_connections_ended_total", "reason" => reason.code()).increment(1);
        tracing::warn!(%athlete, state = state.code(), reason = reason.code(), "a connection ended");
    }
    Ok(!matches!(result, EndResult::Open))
}

/// Ends the connection and publishes that; one that is disconnected is also erased everywhere, behind the fence of its
/// generation.
pub(super) async fn publish_end(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    connection: &mut Connection,
    (state, reason): (ConnectionState, StateReason),
) -> Result<(), StoreError> {
    connection.end(state, reason);
    publish_change(ctx, tx, connection).await?;
    connections::update(tx.conn(), connection).await?;
    if state == ConnectionState::Disconnected {
        let reason = match reason {
            StateReason::Asked => ErasureReason::Asked,
            StateReason::NotReconnected => ErasureReason::NotReconnected,
            _ => ErasureReason::Withdrawn,
        };
        seats::forget(tx.conn(), tx.athlete()).await?;
        request_erasure(ctx, tx, connection.erasure(), reason).await?;
        answer_own(ctx, tx).await?;
    }
    Ok(())
}

/// Makes a revoke of the connection's tokens due, if it has any; to be called before it ends.
pub(super) fn begin_revoke(ctx: &ServiceContext, connection: &mut Connection) {
    connection.revoke_pending = !connection.refresh_fingerprint.is_empty();
    if connection.revoke_pending {
        // A refresh under way may replace the token: its answer is waited for.
        let refresh_deadline = connection.refresh_deadline(ctx.settings.refresh_timeout());
        connection.check_due = refresh_deadline.max(Some(ctx.now()));
    }
}

/// Reports that no key opens a token of the connection, and returns the time to try again: the row may be
/// damaged, or its key on its way back. Nothing is concluded about the connection.
pub(super) fn report_unreadable(ctx: &ServiceContext, id: &str) -> Timestamp {
    metrics::counter!("token_unreadable_total").increment(1);
    tracing::error!(connection = id, "no key opens a stored token; it is tried again later");
    ctx.now().plus(UNREADABLE_RETRY_DELAY)
}

/// Returns true if nobody has the key of the connection's refresh token any more: it is named as lost, and does not
/// open the token after all.
pub(super) fn is_lost(ctx: &ServiceContext, connection: &Connection) -> bool {
    let key = connection.refresh.key_id();
    key.is_some_and(|key| ctx.settings.lost_keys.iter().any(|lost| lost == key))
        && ctx.keys.open(&connection.id, TokenKind::Refresh, &connection.refresh).is_err()
}

/// Draws a revision for the connection and publishes it; the caller writes the row.
pub(super) async fn publish_change(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    connection: &mut Connection,
) -> Result<(), StoreError> {
    let since = connection.reconnect_needed_since.unwrap_or_else(|| ctx.now());
    let needs_reconnect = connection.state == ConnectionState::ReconnectNeeded;
    connection.reconnect_needed_since = needs_reconnect.then_some(since);
    connection.revision = tx.draw_revision();
    tx.bump_version();
    tx.publish(change_event(connection, Topic::Athletes, false)).await?;
    Ok(())
}

/// The event with the connection's state; a replay has the revision of the first publication.
pub(super) fn change_event(
    connection: &Connection,
    topic: Topic,
    replay: bool,
) -> OutboxMessage<AthleteChanged> {
    let state = match connection.state {
        ConnectionState::Connected => athletes::ConnectionState::Connected,
        ConnectionState::ReconnectNeeded => athletes::ConnectionState::ReconnectNeeded,
        ConnectionState::Disconnected => athletes::ConnectionState::Disconnected,
    };
    let body = AthleteChanged {
        revision: connection.revision.get(),
        change: Some(Change::Connection(athletes::Connection {
            application: connection.application.get(),
            strava_athlete: connection.strava_athlete.get(),
            generation: connection.generation.get(),
            state: state.into(),
            scopes: connection.scopes.names(),
            connected_at_us: connection.connected_at.as_micros(),
            reason: connection.reason.code().to_owned(),
        })),
    };
    OutboxMessage {
        topic,
        athlete: Some(connection.athlete),
        origins: vec![Origin {
            application: connection.application,
            generation: connection.generation,
        }],
        cause: Cause::Live,
        replay,
        body,
    }
}

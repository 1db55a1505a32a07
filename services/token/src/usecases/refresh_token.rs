//! Keeps access tokens fresh: one refresh at a time per connection, its intent recorded first, its
//! answer stored before use, whatever became of whoever wanted it.

use std::sync::Arc;
use std::time::Duration;

use kernel::Timestamp;
use outbox::{AthleteTx, StoreError};
use secrecy::ExposeSecret;
use strava_client::{ErrorKind, RefreshToken, RefreshedTokens, StravaError};

use super::ServiceContext;
use super::connection::{
    end_connection, publish_change, report_unreadable, run_locked, store_answer, store_tokens,
};
use crate::domain::connection::{Connection, ConnectionState, RefreshIntent, StateReason};
use crate::store::{TokenKind, connections};

/// Pause after a refresh that Strava did not answer.
const UNANSWERED_RETRY_DELAY: Duration = Duration::from_secs(5);
/// Pause after Strava refused the application itself: somebody has to repair that.
const CLIENT_REFUSED_RETRY_DELAY: Duration = Duration::from_mins(1);
/// Maximum number of refreshes in a row, as long as somebody else replaces the token meanwhile.
const MAX_ATTEMPTS: u32 = 3;

/// The reason to refresh a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshReason {
    /// It ends soon, or Strava called it dead.
    Stale,
    /// Strava hinted that access was withdrawn: a refresh tells.
    Hinted,
}

/// The end of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshOutcome {
    /// The stored token is as fresh as Strava gives it.
    Fresh,
    /// The connection is not connected any more.
    Ended,
    /// Undecided until a refresh at this time.
    RetryAt(Timestamp),
}

/// A refresh whose intent is stored.
struct StartedRefresh {
    token: RefreshToken,
    /// Fingerprint of `token`.
    fingerprint: String,
    /// True if an answer to an earlier refresh with this token may have got lost.
    may_be_replaced: bool,
}

enum RefreshStart {
    Settled(RefreshOutcome),
    Started(StartedRefresh),
    /// No key opens the refresh token.
    Unreadable,
}

/// Makes sure that the connection's access token is fresh.
pub(crate) async fn refresh_token(
    ctx: &Arc<ServiceContext>,
    connection: &str,
    reason: RefreshReason,
) -> Result<RefreshOutcome, StoreError> {
    let (task_ctx, id) = (ctx.clone(), connection.to_owned());
    let refresh = async move { refresh_alone(&task_ctx, &id, reason).await };
    let outcome = ctx.run_detached(refresh).await;
    outcome.unwrap_or_else(|| Ok(RefreshOutcome::RetryAt(ctx.now().plus(UNANSWERED_RETRY_DELAY))))
}

async fn refresh_alone(
    ctx: &ServiceContext,
    id: &str,
    reason: RefreshReason,
) -> Result<RefreshOutcome, StoreError> {
    let _lock = ctx.connection_locks.lock(id).await;
    for _attempt in 0..MAX_ATTEMPTS {
        let start = run_locked(ctx, "start_refresh", id, |tx, connection| async move {
            start_refresh(ctx, &tx, connection, reason).await
        });
        let started = match start.await? {
            RefreshStart::Started(started) => started,
            RefreshStart::Settled(outcome) => return Ok(outcome),
            RefreshStart::Unreadable => {
                return Ok(RefreshOutcome::RetryAt(report_unreadable(ctx, id)));
            }
        };
        ctx.failpoints.hit("token.refresh-intended");
        let Some(app) = &ctx.app else {
            return Ok(RefreshOutcome::RetryAt(ctx.now().plus(CLIENT_REFUSED_RETRY_DELAY)));
        };
        metrics::counter!("token_refreshes_total").increment(1);
        let answer = ctx.strava.refresh_tokens(app, &started.token).await;
        ctx.failpoints.hit("token.refresh-answered");
        let settled = match answer {
            Ok(answer) => record_tokens(ctx, id, &started, &answer.body).await?,
            Err(StravaError { kind: ErrorKind::GrantRefused, .. }) => {
                record_refusal(ctx, id, &started).await?
            }
            Err(error) => Some(record_failure(ctx, id, &started, &error).await?),
        };
        if let Some(outcome) = settled {
            return Ok(outcome);
        }
    }
    Ok(RefreshOutcome::RetryAt(ctx.now().plus(UNANSWERED_RETRY_DELAY)))
}

/// Stores the intent, unless there is nothing to do or another process refreshes.
async fn start_refresh(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    mut connection: Connection,
    reason: RefreshReason,
) -> Result<RefreshStart, StoreError> {
    let now = ctx.now();
    if !is_refreshable(&connection, reason) {
        connection.hinted_at = None;
        if !connection.revoke_pending {
            connection.check_due = None;
        }
        connections::update(tx.conn(), &connection).await?;
        return Ok(RefreshStart::Settled(RefreshOutcome::Ended));
    }
    if reason == RefreshReason::Stale
        && connection.is_token_fresh(now, ctx.settings.refresh_margin())
    {
        return Ok(tx.unchanged(RefreshStart::Settled(RefreshOutcome::Fresh)));
    }
    let earlier_deadline = connection.refresh_deadline(ctx.settings.refresh_timeout());
    if let Some(deadline) = earlier_deadline.filter(|deadline| *deadline > now) {
        return Ok(tx.unchanged(RefreshStart::Settled(RefreshOutcome::RetryAt(deadline))));
    }
    let Ok(token) = ctx.keys.open(&connection.id, TokenKind::Refresh, &connection.refresh) else {
        return Ok(tx.unchanged(RefreshStart::Unreadable));
    };
    let fingerprint = connection.refresh_fingerprint.clone();
    connection.intent = Some(RefreshIntent {
        attempt: ctx.ids.uuid_v7(now).to_string(),
        started_at: now,
        fingerprint: fingerprint.clone(),
    });
    connections::update(tx.conn(), &connection).await?;
    Ok(RefreshStart::Started(StartedRefresh {
        token: RefreshToken::new(token.expose_secret()),
        fingerprint,
        may_be_replaced: earlier_deadline.is_some(),
    }))
}

fn is_refreshable(connection: &Connection, reason: RefreshReason) -> bool {
    match connection.state {
        ConnectionState::Connected => true,
        // Strava's hint may come after its refusal; a lost token tells nothing more.
        ConnectionState::ReconnectNeeded => {
            reason == RefreshReason::Hinted
                && matches!(
                    connection.reason,
                    StateReason::RefreshRefused | StateReason::ScopeMissing
                )
        }
        ConnectionState::Disconnected => false,
    }
}

/// Stores the tokens. None if somebody stored newer ones meanwhile.
async fn record_tokens(
    ctx: &ServiceContext,
    id: &str,
    started: &StartedRefresh,
    tokens: &RefreshedTokens,
) -> Result<Option<RefreshOutcome>, StoreError> {
    let store = || {
        run_locked(ctx, "store_refreshed_tokens", id, |tx, connection| async move {
            store_refreshed_tokens(ctx, &tx, connection, started, tokens).await
        })
    };
    if !store_answer(store).await? {
        return Ok(None);
    }
    // A revoke may wait for these tokens.
    ctx.checks_wanted.notify_one();
    ctx.failpoints.hit("token.refresh-stored");
    Ok(Some(RefreshOutcome::Fresh))
}

/// Stores the tokens; returns false if the one they replace is not the stored one any more.
async fn store_refreshed_tokens(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    mut connection: Connection,
    started: &StartedRefresh,
    tokens: &RefreshedTokens,
) -> Result<bool, StoreError> {
    if connection.refresh_fingerprint != started.fingerprint {
        return Ok(tx.unchanged(false));
    }
    store_tokens(ctx, &mut connection, tokens)?;
    let started_at = connection.intent.take().map(|intent| intent.started_at);
    if connection.revoke_pending {
        // Disconnected meanwhile: these are the tokens the revoke has waited for.
        connection.check_due = Some(ctx.now());
    } else if connection.hinted_at <= started_at {
        // A hint that came while Strava was asked may speak of what came after the answer.
        connection.hinted_at = None;
        connection.check_due = None;
    }
    if connection.state == ConnectionState::ReconnectNeeded
        && connection.reason == StateReason::RefreshRefused
    {
        (connection.state, connection.reason) = (ConnectionState::Connected, StateReason::None);
        publish_change(ctx, tx, &mut connection).await?;
    }
    connections::update_tokens(tx.conn(), &connection, &started.fingerprint).await?;
    Ok(true)
}

/// Ends the connection because Strava refused the refresh token. None if that is not the stored
/// one any more. Were the refusal not stored, its intent would make the next one look like a lost answer.
async fn record_refusal(
    ctx: &ServiceContext,
    id: &str,
    started: &StartedRefresh,
) -> Result<Option<RefreshOutcome>, StoreError> {
    let decide = |connection: &Connection| {
        if connection.refresh_fingerprint != started.fingerprint {
            return None;
        }
        Some(if started.may_be_replaced {
            (ConnectionState::ReconnectNeeded, StateReason::RefreshLost)
        } else if connection.hinted_at.is_some() {
            (ConnectionState::Disconnected, StateReason::Withdrawn)
        } else {
            (ConnectionState::ReconnectNeeded, StateReason::RefreshRefused)
        })
    };
    if !store_answer(|| end_connection(ctx, id, decide)).await? {
        return Ok(None);
    }
    ctx.failpoints.hit("token.connection-ended");
    Ok(Some(RefreshOutcome::Ended))
}

/// Records a refresh without an answer, or with one that says nothing about the token. Unless the
/// request certainly was not processed, the intent stays: Strava may have replaced the token.
async fn record_failure(
    ctx: &ServiceContext,
    id: &str,
    started: &StartedRefresh,
    error: &StravaError,
) -> Result<RefreshOutcome, StoreError> {
    let client_refused = matches!(error.kind, ErrorKind::ClientRefused);
    let retry_delay = if client_refused {
        tracing::error!("Strava refuses the client id or secret; no connection is touched");
        CLIENT_REFUSED_RETRY_DELAY
    } else {
        tracing::warn!(%error, "a refresh was not answered");
        UNANSWERED_RETRY_DELAY
    };
    let not_processed =
        client_refused || error.was_never_sent() || matches!(error.kind, ErrorKind::RateLimited);
    let keep_intent = started.may_be_replaced || !not_processed;
    let record = || {
        run_locked(ctx, "record_refresh_failure", id, |tx, mut connection| async move {
            match &mut connection.intent {
                Some(intent) if intent.fingerprint == started.fingerprint => {
                    // Over, but not forgotten: the next refresh need not wait for its answer.
                    intent.started_at = Timestamp::from_micros(1);
                }
                _ => return tx.unchanged(Ok(())),
            }
            if !keep_intent {
                connection.intent = None;
            }
            connections::update(tx.conn(), &connection).await
        })
    };
    store_answer(record).await?;
    Ok(RefreshOutcome::RetryAt(ctx.now().plus(retry_delay)))
}

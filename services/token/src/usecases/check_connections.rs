//! Checks connections that are due: confirms hints by a refresh, sends revokes.

use std::sync::Arc;
use std::time::Duration;

use kernel::Timestamp;
use outbox::StoreError;
use secrecy::ExposeSecret;
use strava_client::RefreshToken;

use super::ServiceContext;
use super::connection::{is_lost, report_unreadable, run_locked};
use super::erasures::answer_own;
use super::refresh_token::{RefreshOutcome, RefreshReason, refresh_token};
use crate::domain::connection::Connection;
use crate::store::{TokenKind, connections};

/// Pause before a revoke that was not answered is sent again.
const REVOKE_RETRY_DELAY: Duration = Duration::from_secs(30);
/// Pause before the next check if the last one settled nothing.
const CHECK_RETRY_DELAY: Duration = Duration::from_secs(15);

/// Checks every connection that is due; returns the time the next one is.
pub(crate) async fn check_due_connections(
    ctx: &Arc<ServiceContext>,
) -> Result<Option<Timestamp>, StoreError> {
    let mut failed = false;
    for connection in connections::list_due(&ctx.database, ctx.now()).await? {
        // One that cannot be checked must not keep the others waiting.
        if let Err(error) = check_connection(ctx, &connection.id).await {
            tracing::warn!(%error, connection = connection.id, "a connection could not be checked");
            failed = true;
        }
    }
    if failed {
        return Ok(Some(ctx.now().plus(CHECK_RETRY_DELAY)));
    }
    connections::next_check_due(&ctx.database).await
}

/// Checks one connection.
pub(crate) async fn check_connection(
    ctx: &Arc<ServiceContext>,
    id: &str,
) -> Result<(), StoreError> {
    if connections::get(ctx.database.readers(), id).await?.revoke_pending {
        return revoke_token(ctx, id).await;
    }
    let retry_at = match refresh_token(ctx, id, RefreshReason::Hinted).await? {
        RefreshOutcome::Fresh | RefreshOutcome::Ended => None,
        RefreshOutcome::RetryAt(at) => Some(at),
    };
    change_connection(ctx, id, |connection| {
        // Disconnected meanwhile: the revoke has a time of its own.
        if connection.revoke_pending {
            return;
        }
        // A hint that is not settled is checked again.
        let next = connection.hinted_at.map(|_| ctx.now().plus(CHECK_RETRY_DELAY));
        connection.check_due = retry_at.or(next);
    })
    .await
}

async fn revoke_token(ctx: &Arc<ServiceContext>, id: &str) -> Result<(), StoreError> {
    let _lock = ctx.connection_locks.lock(id).await;
    // Loaded under the lock: a refresh that had it before may have replaced the token, and Strava
    // says yes to the revoke of one it has forgotten.
    let connection = connections::get(ctx.database.readers(), id).await?;
    if !connection.revoke_pending {
        return Ok(());
    }
    let refresh_timeout = ctx.settings.refresh_timeout();
    if connection.refresh_deadline(refresh_timeout).is_some_and(|deadline| deadline > ctx.now()) {
        // Another process refreshes: the tokens it gets are those to revoke.
        return change_connection(ctx, id, |connection| {
            let deadline = connection.refresh_deadline(refresh_timeout);
            if connection.revoke_pending && deadline.is_some() {
                connection.check_due = deadline;
            }
        })
        .await;
    }
    let revoked_fingerprint = connection.refresh_fingerprint.clone();
    let task_ctx = ctx.clone();
    let sending = ctx.run_detached(async move { send_revoke(&task_ctx, &connection).await });
    let outcome =
        sending.await.unwrap_or(RevokeOutcome::RetryAt(ctx.now().plus(REVOKE_RETRY_DELAY)));
    change_connection(ctx, id, |connection| {
        if !connection.revoke_pending {
            return;
        }
        if let RevokeOutcome::RetryAt(at) = outcome {
            connection.check_due = Some(at);
        } else if connection.refresh_fingerprint == revoked_fingerprint {
            connection.clear_tokens();
            connection.check_due = None;
        } else {
            // Newer tokens came after all: those are to be revoked too.
            connection.check_due = Some(ctx.now());
        }
    })
    .await
}

/// The end of a revoke.
#[derive(Clone, Copy)]
enum RevokeOutcome {
    /// Strava has answered, or nobody can ask it any more.
    Settled,
    /// It has to be asked again at this time.
    RetryAt(Timestamp),
}

/// Asks Strava to revoke the connection's tokens.
async fn send_revoke(ctx: &ServiceContext, connection: &Connection) -> RevokeOutcome {
    let app = ctx.app(connection.application).filter(|_| !is_lost(ctx, connection));
    let Some(app) = app else {
        // We cannot revoke it any more; the athlete can, at Strava.
        return RevokeOutcome::Settled;
    };
    let token = ctx.keys.open(&connection.id, TokenKind::Refresh, &connection.refresh);
    let Ok(token) = token else {
        return RevokeOutcome::RetryAt(report_unreadable(ctx, &connection.id));
    };
    match ctx.strava.revoke_tokens(app, &RefreshToken::new(token.expose_secret())).await {
        Ok(_answer) => RevokeOutcome::Settled,
        Err(error) => {
            tracing::warn!(%error, "a revoke was not answered");
            RevokeOutcome::RetryAt(ctx.now().plus(REVOKE_RETRY_DELAY))
        }
    }
}

async fn change_connection(
    ctx: &ServiceContext,
    id: &str,
    change: impl Fn(&mut Connection) + Send + Sync,
) -> Result<(), StoreError> {
    let change = &change;
    run_locked(ctx, "record_check", id, |tx, mut connection| async move {
        let before = connection.clone();
        change(&mut connection);
        if connection == before {
            return tx.unchanged(Ok(()));
        }
        connections::update(tx.conn(), &connection).await?;
        if before.revoke_pending && !connection.revoke_pending {
            answer_own(ctx, &tx).await?;
        }
        Ok(())
    })
    .await
}

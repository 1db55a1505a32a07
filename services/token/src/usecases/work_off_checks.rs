//! Looks at connections that want it: confirms hints by a refresh, sends revokes.

use std::sync::Arc;
use std::time::Duration;

use kernel::Timestamp;
use outbox::StoreError;
use secrecy::ExposeSecret;
use strava_client::RefreshToken;

use super::refresh::{Outcome, Why, refresh};
use super::{Means, refresh as refreshing};
use crate::domain::connection::Connection;
use crate::store::{Column, by_id, due, next_due, save};

/// When to send a revoke again that was not answered.
const REVOKE_AGAIN: Duration = Duration::from_secs(30);
/// When to look again if a look did not settle it.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// Looks at every connection that is due; says when the next one is.
pub(crate) async fn work_off_checks(means: &Arc<Means>) -> Result<Option<Timestamp>, StoreError> {
    let mut failed = false;
    for connection in due(&means.database, means.now()).await? {
        // One that cannot be looked at must not keep the others waiting.
        if let Err(error) = look_at(means, &connection.id).await {
            tracing::warn!(%error, connection = connection.id, "a connection could not be looked at");
            failed = true;
        }
    }
    if failed {
        return Ok(Some(means.now().plus(LOOK_AGAIN)));
    }
    next_due(&means.database).await
}

/// Looks at one connection.
pub(crate) async fn look_at(means: &Arc<Means>, id: &str) -> Result<(), StoreError> {
    let Some(connection) = by_id(means.database.readers(), id).await? else { return Ok(()) };
    if connection.revoking {
        return revoke(means, id).await;
    }
    let again = match refresh(means, id, Why::Hinted).await? {
        Outcome::Fresh | Outcome::Ended => None,
        Outcome::Later(at) => Some(at),
    };
    settle(means, id, |connection| {
        // Disconnected meanwhile: the revoke has a time of its own.
        if connection.revoking {
            return;
        }
        // What a look did not settle comes again; what is settled needs no look.
        connection.check_due = again.or(connection.hinted_at.map(|_| means.now().plus(LOOK_AGAIN)));
    })
    .await
}

async fn revoke(means: &Arc<Means>, id: &str) -> Result<(), StoreError> {
    let task = means.clone();
    let _turn = means.turns.of(id).await;
    // Read only now: a refresh that had the turn before may have replaced the token, and Strava
    // says yes to the revoke of one it has forgotten.
    let Some(connection) = by_id(means.database.readers(), id).await? else { return Ok(()) };
    if !connection.revoking {
        return Ok(());
    }
    let patience = means.settings.refresh_patience();
    if connection.refresh_ends(patience).is_some_and(|at| at > means.now()) {
        // Another process refreshes: what it gets is what has to be revoked.
        return settle(means, id, |connection| {
            if connection.revoking
                && let Some(at) = connection.refresh_ends(patience)
            {
                connection.check_due = Some(at);
            }
        })
        .await;
    }
    let print = connection.refresh_print.clone();
    let sent = means.owned.run(async move {
        let token = task.keys.open(&connection.id, Column::Refresh, &connection.refresh);
        let (Ok(token), Some(app)) = (token, task.app(connection.application)) else {
            // Nobody can revoke it any more; the athlete can, at Strava.
            return true;
        };
        match task.strava.revoke_tokens(app, &RefreshToken::new(token.expose_secret())).await {
            Ok(_answer) => true,
            Err(error) => {
                tracing::warn!(%error, "a revoke was not answered");
                false
            }
        }
    });
    let answered = sent.await.unwrap_or(false);
    settle(means, id, |connection| {
        if !connection.revoking {
            return;
        }
        if !answered {
            connection.check_due = Some(means.now().plus(REVOKE_AGAIN));
        } else if connection.refresh_print == print {
            connection.forget_tokens();
            connection.check_due = None;
        } else {
            // Newer tokens came after all: those are to be revoked too.
            connection.check_due = Some(means.now());
        }
    })
    .await
}

async fn settle(
    means: &Means,
    id: &str,
    change: impl Fn(&mut Connection) + Send + Sync,
) -> Result<(), StoreError> {
    outbox::again_if_contended(|| async {
        let Some((effect, mut connection)) = refreshing::locked(means, id).await? else {
            return Ok(());
        };
        change(&mut connection);
        save(effect.conn(), &connection).await?;
        effect.commit().await
    })
    .await
}

//! Looks at connections that want it: confirms hints by a refresh, sends revokes.

use std::sync::Arc;
use std::time::Duration;

use kernel::Timestamp;
use outbox::StoreError;
use secrecy::ExposeSecret;
use strava_client::RefreshToken;

use super::refresh::{Outcome, Why, refresh};
use super::{Means, refresh as refreshing};
use crate::domain::connection::{Connection, State};
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
        return revoke(means, connection).await;
    }
    let again = match refresh(means, id, Why::Hinted).await? {
        Outcome::Fresh | Outcome::Ended => None,
        Outcome::Later(at) => Some(at),
    };
    settle(means, id, |connection| {
        // What a look did not settle comes again; what is settled needs no look.
        connection.check_due = again.or(connection.hinted_at.map(|_| means.now().plus(LOOK_AGAIN)));
    })
    .await
}

async fn revoke(means: &Arc<Means>, connection: Connection) -> Result<(), StoreError> {
    let (task, id) = (means.clone(), connection.id.clone());
    let _turn = means.turns.of(&id).await;
    let sent = means.owned.run(async move {
        let token = task.keys.open(&connection.id, Column::Refresh, &connection.refresh);
        let (Ok(token), Some(app)) = (token, task.app(connection.application)) else {
            // Nobody can revoke it any more; the athlete can, at Strava.
            return true;
        };
        match task.strava.revoke(app, &RefreshToken::new(token.expose_secret())).await {
            Ok(_answer) => true,
            Err(error) => {
                tracing::warn!(%error, "a revoke was not answered");
                false
            }
        }
    });
    let answered = sent.await.unwrap_or(false);
    settle(means, &id, |connection| {
        if connection.state == State::Disconnected && answered {
            connection.forget_tokens();
            connection.check_due = None;
        } else if connection.revoking {
            connection.check_due = Some(means.now().plus(REVOKE_AGAIN));
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

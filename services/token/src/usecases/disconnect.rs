//! Ends a connection at the athlete's request: leases stop at once, the revoke follows.

use contracts::Erasure;
use kernel::AthleteId;
use outbox::{StoreError, again_if_contended};

use super::ServiceContext;
use super::connection::end_connection;
use crate::domain::connection::{ConnectionState, StateReason};
use crate::store::connections;

/// Disconnects; returns false if the athlete has no such connection.
pub(crate) async fn disconnect(
    ctx: &ServiceContext,
    athlete: AthleteId,
    connection: &str,
) -> Result<bool, StoreError> {
    let found = again_if_contended(|| try_disconnect(ctx, athlete, connection)).await?;
    ctx.checks_wanted.notify_one();
    Ok(found)
}

async fn try_disconnect(
    ctx: &ServiceContext,
    athlete: AthleteId,
    id: &str,
) -> Result<bool, StoreError> {
    let mut tx = ctx.database.effect(athlete).await?;
    let Some(mut connection) =
        connections::find(tx.conn(), id).await?.filter(|connection| connection.athlete == athlete)
    else {
        return Ok(false);
    };
    if connection.state == ConnectionState::Disconnected {
        return Ok(true);
    }
    let now = ctx.now();
    connection.revoking = !connection.refresh_fingerprint.is_empty();
    // A refresh under way may replace the token: its answer is waited for.
    let refresh_deadline = connection.refresh_deadline(ctx.settings.refresh_timeout());
    connection.check_due =
        connection.revoking.then(|| refresh_deadline.map_or(now, |deadline| deadline.max(now)));
    let (application, through) = (connection.application, connection.generation);
    tx.raise_fence(Erasure::Connection { application, through }).await?;
    end_connection(tx, connection, ConnectionState::Disconnected, StateReason::Asked).await?;
    Ok(true)
}

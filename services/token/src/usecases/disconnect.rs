//! Ends a connection at the athlete's request: leases stop at once, its data is erased, the revoke follows.

use kernel::AthleteId;
use outbox::{AthleteTx, StoreError};

use super::ServiceContext;
use super::connection::{begin_revoke, publish_end};
use crate::domain::connection::{ConnectionState, StateReason};
use crate::store::connections;

/// Disconnects; returns false if the athlete has no such connection.
pub(crate) async fn disconnect(
    ctx: &ServiceContext,
    athlete: AthleteId,
    id: &str,
) -> Result<bool, StoreError> {
    let end = |tx: AthleteTx| async move { end_and_revoke(ctx, &tx, id).await };
    let found = ctx.database.run("disconnect", athlete, end).await;
    if matches!(found, Ok(true)) {
        tracing::info!(%athlete, connection = id, "a connection was disconnected; its data is erased");
    }
    // Also if the answer to the commit is lost: the revoke may be due.
    ctx.wake_workers();
    found
}

async fn end_and_revoke(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    id: &str,
) -> Result<bool, StoreError> {
    let found = connections::find(tx.conn(), id).await?;
    let Some(mut connection) = found.filter(|found| found.athlete == tx.athlete()) else {
        return Ok(tx.unchanged(false));
    };
    if connection.state == ConnectionState::Disconnected {
        return Ok(tx.unchanged(true));
    }
    begin_revoke(ctx, &mut connection);
    let end = (ConnectionState::Disconnected, StateReason::Asked);
    publish_end(ctx, tx, &mut connection, end).await?;
    Ok(true)
}

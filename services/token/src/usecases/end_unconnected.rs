//! Ends connections whose athletes did not connect again in time, and requests erasures that were never requested.

use std::time::Duration;

use kernel::Timestamp;
use outbox::{AthleteTx, StoreError, Tx};

use super::ServiceContext;
use super::connection::end_connection;
use super::erasures::{answer_own, request_erasure};
use crate::domain::connection::{Connection, ConnectionState, StateReason};
use crate::domain::erasure::{ErasureReason, is_mass_loss};
use crate::store::connections;

/// Connections that were lost within this time of each other were lost together.
const TOGETHER: Duration = Duration::from_hours(24);

/// Ends the connections whose grace is over, unless many were lost together: a restored backup or a wrong client id
/// looks like that, and erases nothing.
pub(crate) async fn end_unconnected(ctx: &ServiceContext) -> Result<(), StoreError> {
    let start = |tx: Tx| async move { connections::start_grace(tx.conn(), ctx.now()).await };
    ctx.database.run_plain("start_reconnect_grace", start).await?;
    let days = ctx.settings.reconnect_grace_days;
    if days == 0 {
        return Ok(());
    }
    let before = ctx.now().minus(Duration::from_hours(days.saturating_mul(24)));
    let mut lost_together = 0;
    for connection in connections::list_unconnected(&ctx.database, before).await? {
        let Some(since) = connection.reconnect_needed_since else { continue };
        let (from, until) = (since.minus(TOGETHER), since.plus(TOGETHER));
        let (all, together) = connections::count_unconnected(&ctx.database, from, until).await?;
        if is_mass_loss(all, together) {
            lost_together += 1;
            continue;
        }
        end_connection(ctx, &connection.id, |it| is_over(it, before)).await?;
    }
    metrics::gauge!("token_connections_lost_together").set(f64::from(lost_together));
    if lost_together > 0 {
        tracing::error!(
            connections = lost_together,
            "many connections were lost together: nothing is erased; see docs/runbooks"
        );
    }
    Ok(())
}

fn is_over(connection: &Connection, before: Timestamp) -> Option<(ConnectionState, StateReason)> {
    let is_over = connection.state == ConnectionState::ReconnectNeeded
        && connection.reconnect_needed_since.is_some_and(|since| since <= before);
    is_over.then_some((ConnectionState::Disconnected, StateReason::NotReconnected))
}

/// Requests the erasure of connections that a former release ended without one.
pub(crate) async fn request_missing_erasures(ctx: &ServiceContext) -> Result<usize, StoreError> {
    let ended = connections::list_never_erased(&ctx.database).await?;
    for connection in &ended {
        let request = |tx: AthleteTx| async move {
            let reason = ErasureReason::Repeated;
            request_erasure(ctx, &tx, connection.erasure(), reason).await?;
            answer_own(ctx, &tx).await
        };
        ctx.database.run("request_missing_erasure", connection.athlete, request).await?;
    }
    Ok(ended.len())
}

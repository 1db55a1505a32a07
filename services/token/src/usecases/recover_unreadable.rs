//! Recovers connections whose tokens could not be opened for a while.

use kernel::Timestamp;
use outbox::StoreError;

use super::ServiceContext;
use super::connection::{
    UNREADABLE_RETRY_DELAY, end_connection, is_lost, publish_change, report_unreadable, run_locked,
};
use crate::domain::connection::{Connection, ConnectionState, StateReason};
use crate::store::{TokenKind, connections};

/// The result of a pass over all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// Number of connections that are connected again, or have ended because their key is named as lost.
    pub(crate) settled: usize,
    /// Time of the next pass; none if nothing is left to recover.
    pub(crate) retry_at: Option<Timestamp>,
}

/// Recovers connections that a former release had given up because no key opened their tokens, if one does now; ends
/// those whose key is named as lost.
pub(crate) async fn recover_unreadable(ctx: &ServiceContext) -> Result<Recovery, StoreError> {
    let (mut after, mut recovery) = (String::new(), Recovery::default());
    loop {
        let page = connections::list_page(&ctx.database, &after).await?;
        let Some(last) = page.last() else { return Ok(recovery) };
        after.clone_from(&last.id);
        for connection in page.iter().filter(|it| is_given_up(it) || is_to_end(ctx, it)) {
            // One that cannot be settled must not keep the others waiting.
            let settled = settle(ctx, connection).await.unwrap_or_else(|error| {
                tracing::warn!(%error, connection = connection.id, "a connection could not be recovered");
                false
            });
            if settled {
                recovery.settled += 1;
            } else {
                recovery.retry_at = Some(ctx.now().plus(UNREADABLE_RETRY_DELAY));
            }
        }
    }
}

fn is_given_up(connection: &Connection) -> bool {
    connection.state == ConnectionState::ReconnectNeeded
        && connection.reason == StateReason::Unreadable
}

/// Returns true if the connection waits for a key that nobody has any more.
fn is_to_end(ctx: &ServiceContext, connection: &Connection) -> bool {
    let waits = connection.state == ConnectionState::Connected || is_given_up(connection);
    waits && is_lost(ctx, connection)
}

/// Ends or recovers a connection; returns false if no key opens its token yet.
async fn settle(ctx: &ServiceContext, connection: &Connection) -> Result<bool, StoreError> {
    if !is_to_end(ctx, connection) {
        return recover(ctx, &connection.id).await;
    }
    let lost = (ConnectionState::ReconnectNeeded, StateReason::RefreshLost);
    end_connection(ctx, &connection.id, |it| is_to_end(ctx, it).then_some(lost)).await?;
    Ok(true)
}

async fn recover(ctx: &ServiceContext, id: &str) -> Result<bool, StoreError> {
    let recovered = run_locked(ctx, "recover_unreadable", id, |tx, mut connection| async move {
        if !is_given_up(&connection) {
            return Ok(tx.unchanged(true));
        }
        if ctx.keys.open(id, TokenKind::Refresh, &connection.refresh).is_err() {
            return Ok(tx.unchanged(false));
        }
        (connection.state, connection.reason) = (ConnectionState::Connected, StateReason::None);
        publish_change(ctx, &tx, &mut connection).await?;
        connections::update(tx.conn(), &connection).await?;
        Ok(true)
    })
    .await?;
    if !recovered {
        report_unreadable(ctx, id);
    }
    Ok(recovered)
}

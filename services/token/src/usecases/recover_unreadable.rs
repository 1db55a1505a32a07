//! Recovers connections whose tokens could not be opened for a while.

use outbox::StoreError;

use super::ServiceContext;
use super::connection::{end_connection, publish_change, run_locked};
use crate::domain::connection::{Connection, ConnectionState, StateReason};
use crate::store::{TokenKind, connections};

/// Recovers connections that a former release had given up because no key opened their tokens, if one does now; ends
/// those whose key is named as lost. Returns how many connections it changed.
pub(crate) async fn recover_unreadable(ctx: &ServiceContext) -> Result<usize, StoreError> {
    let (mut after, mut changed) = (String::new(), 0);
    loop {
        let page = connections::list_page(&ctx.database, &after).await?;
        let Some(last) = page.last() else { return Ok(changed) };
        after.clone_from(&last.id);
        for connection in &page {
            if is_given_up(connection) {
                changed += usize::from(recover(ctx, &connection.id).await?);
            } else if connection.state == ConnectionState::Connected && is_lost(ctx, connection) {
                let lost = (ConnectionState::ReconnectNeeded, StateReason::RefreshLost);
                end_connection(ctx, &connection.id, |it| is_lost(ctx, it).then_some(lost)).await?;
                changed += 1;
            }
        }
    }
}

fn is_given_up(connection: &Connection) -> bool {
    connection.state == ConnectionState::ReconnectNeeded
        && connection.reason == StateReason::Unreadable
}

fn is_lost(ctx: &ServiceContext, connection: &Connection) -> bool {
    let key = connection.refresh.key_id();
    key.is_some_and(|key| ctx.settings.lost_keys.iter().any(|lost| lost == key))
}

async fn recover(ctx: &ServiceContext, id: &str) -> Result<bool, StoreError> {
    run_locked(ctx, "recover_unreadable", id, |tx, mut connection| async move {
        let opens = ctx.keys.open(id, TokenKind::Refresh, &connection.refresh).is_ok();
        if !opens || !is_given_up(&connection) {
            return Ok(tx.unchanged(false));
        }
        (connection.state, connection.reason) = (ConnectionState::Connected, StateReason::None);
        publish_change(&tx, &mut connection).await?;
        connections::update(tx.conn(), &connection).await?;
        Ok(true)
    })
    .await
}

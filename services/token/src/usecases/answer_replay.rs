//! Answers a service that lost its state: publishes every connection again with its old revision, and the
//! erasure of each that is disconnected.

use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::{Cause, Topic};
use kernel::AthleteId;
use outbox::{OutboxMessage, StoreError};

use super::ServiceContext;
use super::connection::{change_event, erase_event, run_locked};
use crate::domain::connection::{Connection, ConnectionState};
use crate::store::connections;

/// Publishes the current state, then the end of the replay on every partition.
pub(crate) async fn answer_replay(
    ctx: &ServiceContext,
    request: &ReplayRequested,
) -> Result<(), StoreError> {
    if request.of != Topic::Athletes.name() {
        return Ok(());
    }
    let topic = request.answer_on.parse().unwrap_or(Topic::Athletes);
    match request.athlete.parse::<AthleteId>() {
        Ok(athlete) => {
            let all = connections::list_by_athlete(&ctx.database, athlete).await?;
            replay_connections(ctx, &all, topic).await?;
        }
        Err(_everybody) => {
            let mut after = String::new();
            loop {
                let page = connections::list_page(&ctx.database, &after).await?;
                let Some(last) = page.last() else { break };
                after.clone_from(&last.id);
                replay_connections(ctx, &page, topic).await?;
            }
        }
    }
    let publish_done = |tx: outbox::Tx| async move {
        let body = ReplayDone {
            id: request.id.clone(),
            service: request.service.clone(),
            of: request.of.clone(),
        };
        let message = OutboxMessage {
            topic,
            athlete: None,
            origins: Vec::new(),
            cause: Cause::Operator,
            replay: true,
            body,
        };
        tx.publish_to_all_partitions(message).await?;
        Ok(())
    };
    ctx.database.run_plain("publish_replay_done", publish_done).await
}

async fn replay_connections(
    ctx: &ServiceContext,
    connections: &[Connection],
    topic: Topic,
) -> Result<(), StoreError> {
    for connection in connections {
        run_locked(ctx, "replay_connection", &connection.id, |tx, connection| async move {
            tx.publish(change_event(&connection, topic, true)).await?;
            if connection.state == ConnectionState::Disconnected {
                tx.publish(erase_event(&connection, topic, true)).await?;
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}

//! Answers a service that lost its state: publishes every connection again with its old revision, and every erasure.

use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::{Cause, Topic};
use kernel::AthleteId;
use outbox::{AthleteTx, OutboxMessage, StoreError};

use super::ServiceContext;
use super::connection::{change_event, run_locked};
use super::erasures::erase_message;
use crate::domain::connection::Connection;
use crate::store::{connections, erasures};

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
            replay_erasures(ctx, athlete, topic).await?;
        }
        Err(_everybody) => {
            let mut after = String::new();
            loop {
                let page = connections::list_page(&ctx.database, &after).await?;
                let Some(last) = page.last() else { break };
                after.clone_from(&last.id);
                replay_connections(ctx, &page, topic).await?;
            }
            replay_all_erasures(ctx, topic).await?;
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
            Ok(())
        })
        .await?;
    }
    Ok(())
}

async fn replay_all_erasures(ctx: &ServiceContext, topic: Topic) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let athletes = erasures::list_athletes(ctx.database.readers(), &after).await?;
        let Some(last) = athletes.last() else { return Ok(()) };
        after = last.to_string();
        for athlete in athletes {
            replay_erasures(ctx, athlete, topic).await?;
        }
    }
}

/// Publishes every erasure of the athlete again: also those before a later connect, which the service may have missed.
async fn replay_erasures(
    ctx: &ServiceContext,
    athlete: AthleteId,
    topic: Topic,
) -> Result<(), StoreError> {
    let replay = |tx: AthleteTx| async move {
        for requested in erasures::list_by_athlete(tx.conn(), athlete).await? {
            let revision = tx.draw_revision();
            let message = erase_message(athlete, requested.erasure, revision);
            tx.publish(OutboxMessage { topic, replay: true, ..message }).await?;
        }
        Ok(())
    };
    ctx.database.run("replay_erasures", athlete, replay).await
}

//! Answers a service that lost its state: publishes every connection again with its old revision.

use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::{Cause, Topic};
use kernel::AthleteId;
use outbox::{OutboxMessage, StoreError, again_if_contended};

use super::ServiceContext;
use super::connection::{change_event, load_for_update};
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
            for connection in connections::list_by_athlete(&ctx.database, athlete).await? {
                again_if_contended(|| try_replay(ctx, &connection.id, topic)).await?;
            }
        }
        Err(_everybody) => replay_all(ctx, topic).await?,
    }
    let body = ReplayDone {
        id: request.id.clone(),
        service: request.service.clone(),
        of: request.of.clone(),
    };
    again_if_contended(|| try_publish_done(ctx, &body, topic)).await
}

async fn replay_all(ctx: &ServiceContext, topic: Topic) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let page = connections::list_page(&ctx.database, &after).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.id);
        for connection in &page {
            again_if_contended(|| try_replay(ctx, &connection.id, topic)).await?;
        }
    }
}

async fn try_replay(ctx: &ServiceContext, id: &str, topic: Topic) -> Result<(), StoreError> {
    let Some((tx, connection)) = load_for_update(ctx, id).await? else { return Ok(()) };
    tx.publish(change_event(&connection, topic, true)).await?;
    tx.commit().await
}

async fn try_publish_done(
    ctx: &ServiceContext,
    body: &ReplayDone,
    topic: Topic,
) -> Result<(), StoreError> {
    let tx = ctx.database.plain().await?;
    let message = OutboxMessage {
        topic,
        athlete: None,
        origins: Vec::new(),
        cause: Cause::Operator,
        replay: true,
        body: body.clone(),
    };
    tx.publish_everywhere(message).await?;
    tx.commit().await
}

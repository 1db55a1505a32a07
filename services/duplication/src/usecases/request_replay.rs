//! Replay requests of a service that was away for longer than the log remembers.

use contracts::replays::ReplayRequested;
use contracts::{Cause, Topic};
use outbox::caught_up::{self, OnPartition, Standing};
use outbox::{OutboxMessage, StoreError, again_if_contended};

use super::ServiceContext;
use crate::store::links;

/// Topics that must have been handled completely.
pub(crate) const TOPICS: [Topic; 2] = [Topic::Athletes, Topic::Activities];

/// Requests a replay of a topic that is incomplete. Without a link no activity can be missed: a link
/// covers only what begins after it.
pub(crate) async fn request_replay(ctx: &ServiceContext, topic: Topic) -> Result<(), StoreError> {
    again_if_contended(|| async {
        let tx = ctx.database.plain().await?;
        let now = ctx.clock.now();
        if caught_up::standing(tx.conn(), topic, now).await? != Standing::Incomplete {
            return Ok(());
        }
        if topic == Topic::Activities && !links::exists_living(tx.conn()).await? {
            caught_up::complete(tx.conn(), topic, now).await?;
            return tx.commit().await;
        }
        let id = ctx.ids.uuid_v7(now).to_string();
        caught_up::asked(tx.conn(), topic, &id, now).await?;
        let body = ReplayRequested {
            id,
            service: crate::Service::NAME.to_owned(),
            of: topic.name().to_owned(),
            answer_on: topic.name().to_owned(),
            athlete: String::new(),
        };
        tx.publish(OutboxMessage {
            topic: Topic::Replays,
            athlete: None,
            origins: Vec::new(),
            cause: Cause::Unspecified,
            replay: false,
            body,
        })
        .await?;
        tx.commit().await
    })
    .await
}

/// Records that the answer to a replay has ended on one partition.
pub(crate) async fn record_replay_end(
    ctx: &ServiceContext,
    topic: Topic,
    replay: &str,
    partition: OnPartition,
) -> Result<(), StoreError> {
    again_if_contended(|| async {
        let tx = ctx.database.plain().await?;
        if caught_up::done(tx.conn(), topic, replay, partition, ctx.clock.now()).await? {
            tracing::info!(%topic, "the replay is complete");
        }
        tx.commit().await
    })
    .await
}

/// Records that everything in the log was handled.
pub(crate) async fn record_caught_up(ctx: &ServiceContext) -> Result<(), StoreError> {
    let now = ctx.clock.now();
    for topic in TOPICS {
        caught_up::note(ctx.database.writer(), topic, now).await?;
    }
    Ok(())
}

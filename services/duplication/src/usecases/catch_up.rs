//! Who was away for longer than the log remembers asks to be told everything again.

use contracts::replays::ReplayRequested;
use contracts::{Cause, Topic};
use outbox::caught_up::{self, OnPartition, Standing};
use outbox::{OutboxMessage, StoreError, again_if_contended};

use super::Kit;
use crate::store::links;

/// What the service must not have missed.
pub(crate) const TOPICS: [Topic; 2] = [Topic::Athletes, Topic::Activities];

/// Asks for a replay of a topic that is incomplete. Where there is no link there is nothing to miss
/// of activities: a link covers only what begins after it.
pub(crate) async fn catch_up(kit: &Kit, topic: Topic) -> Result<(), StoreError> {
    again_if_contended(|| async {
        let plain = kit.database.plain().await?;
        let now = kit.clock.now();
        if caught_up::standing(plain.conn(), topic, now).await? != Standing::Incomplete {
            return Ok(());
        }
        if topic == Topic::Activities && !links::any(plain.conn()).await? {
            caught_up::complete(plain.conn(), topic, now).await?;
            return plain.commit().await;
        }
        let id = kit.ids.uuid_v7(now).to_string();
        caught_up::asked(plain.conn(), topic, &id, now).await?;
        let body = ReplayRequested {
            id,
            service: crate::Service::NAME.to_owned(),
            of: topic.name().to_owned(),
            answer_on: topic.name().to_owned(),
            athlete: String::new(),
        };
        plain
            .publish(OutboxMessage {
                topic: Topic::Replays,
                athlete: None,
                origins: Vec::new(),
                cause: Cause::Unspecified,
                replay: false,
                body,
            })
            .await?;
        plain.commit().await
    })
    .await
}

/// The answer to a replay has ended on one partition.
pub(crate) async fn replay_done(
    kit: &Kit,
    topic: Topic,
    replay: &str,
    on: OnPartition,
) -> Result<(), StoreError> {
    again_if_contended(|| async {
        let plain = kit.database.plain().await?;
        if caught_up::done(plain.conn(), topic, replay, on, kit.clock.now()).await? {
            tracing::info!(%topic, "the replay is complete");
        }
        plain.commit().await
    })
    .await
}

/// Everything there is was handled.
pub(crate) async fn note(kit: &Kit) -> Result<(), StoreError> {
    let now = kit.clock.now();
    for topic in TOPICS {
        caught_up::note(kit.database.writer(), topic, now).await?;
    }
    Ok(())
}

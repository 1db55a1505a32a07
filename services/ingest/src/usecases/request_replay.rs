//! Requests a replay of all connections from token, when some may have been missed.

use contracts::Topic;
use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::wire::Cause;
use outbox::caught_up::{self, OnPartition, Standing};
use outbox::{OutboxMessage, StoreError};

use super::ServiceContext;

/// Requests a replay, unless the service is complete or a request is pending.
pub(crate) async fn request_replay(ctx: &ServiceContext) -> Result<(), StoreError> {
    let now = ctx.now();
    let tx = ctx.database.plain().await?;
    if caught_up::standing(tx.conn(), Topic::Athletes, now).await? != Standing::Incomplete {
        return Ok(());
    }
    let id = ctx.ids.uuid_v7(now).to_string();
    let body = ReplayRequested {
        id: id.clone(),
        service: crate::NAME.to_owned(),
        of: Topic::Athletes.name().to_owned(),
        answer_on: Topic::Athletes.name().to_owned(),
        athlete: String::new(),
    };
    tx.publish(OutboxMessage {
        topic: Topic::Replays,
        athlete: None,
        origins: Vec::new(),
        cause: Cause::Operator,
        replay: false,
        body,
    })
    .await?;
    caught_up::asked(tx.conn(), Topic::Athletes, &id, now).await?;
    tx.commit().await?;
    tracing::info!(replay = id, "requested a replay of all connections");
    Ok(())
}

/// Returns true if the message ends a replay requested by ingest.
pub(crate) fn is_own_replay(done: &ReplayDone) -> bool {
    done.service == crate::NAME && done.of == Topic::Athletes.name()
}

/// Records that the replay has ended on a partition.
pub(crate) async fn record_replay_done(
    ctx: &ServiceContext,
    done: &ReplayDone,
    on: OnPartition,
) -> Result<(), StoreError> {
    let tx = ctx.database.plain().await?;
    let is_complete = caught_up::done(tx.conn(), Topic::Athletes, &done.id, on, ctx.now()).await?;
    tx.commit().await?;
    if is_complete {
        tracing::info!(replay = done.id, "the replay of all connections is complete");
    }
    Ok(())
}

/// Records that all published connections have been handled.
pub(crate) async fn record_caught_up(ctx: &ServiceContext) -> Result<(), StoreError> {
    caught_up::note(ctx.database.writer(), Topic::Athletes, ctx.now()).await
}

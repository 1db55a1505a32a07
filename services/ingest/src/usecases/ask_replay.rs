//! Asking token for everything again, when we have missed something.

use contracts::Topic;
use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::wire::Cause;
use outbox::caught_up::{self, OnPartition, Standing};
use outbox::{OutboxMessage, StoreError};

use super::Core;

/// Asks, unless we have everything or have asked already.
pub(crate) async fn ask_replay(core: &Core) -> Result<(), StoreError> {
    let now = core.now();
    let plain = core.database.plain().await?;
    if caught_up::standing(plain.conn(), Topic::Athletes, now).await? != Standing::Incomplete {
        return Ok(());
    }
    let id = core.ids.uuid_v7(now).to_string();
    let asked = ReplayRequested {
        id: id.clone(),
        service: crate::NAME.to_owned(),
        of: Topic::Athletes.name().to_owned(),
        answer_on: Topic::Athletes.name().to_owned(),
        athlete: String::new(),
    };
    plain
        .publish(OutboxMessage {
            topic: Topic::Replays,
            athlete: None,
            origins: Vec::new(),
            cause: Cause::Operator,
            replay: false,
            body: asked,
        })
        .await?;
    caught_up::asked(plain.conn(), Topic::Athletes, &id, now).await?;
    plain.commit().await?;
    tracing::info!(replay = id, "asked for every connection again");
    Ok(())
}

/// Whether this is the end of an answer to us.
pub(crate) fn is_ours(done: &ReplayDone) -> bool {
    done.service == crate::NAME && done.of == Topic::Athletes.name()
}

/// The answer has ended on a partition.
pub(crate) async fn replay_done(
    core: &Core,
    done: &ReplayDone,
    on: OnPartition,
) -> Result<(), StoreError> {
    let plain = core.database.plain().await?;
    let complete = caught_up::done(plain.conn(), Topic::Athletes, &done.id, on, core.now()).await?;
    plain.commit().await?;
    if complete {
        tracing::info!(replay = done.id, "every connection is known again");
    }
    Ok(())
}

/// Notes that everything there is has been handled.
pub(crate) async fn note_caught_up(core: &Core) -> Result<(), StoreError> {
    caught_up::note(core.database.writer(), Topic::Athletes, core.now()).await
}

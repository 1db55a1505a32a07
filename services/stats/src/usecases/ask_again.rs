//! Asks for everything again when something was missed, and notes when nothing is missing.

use contracts::{Cause, Topic, replays::ReplayRequested};
use outbox::{OutboxMessage, StoreError, caught_up};

use super::Core;
use crate::store::standing;

/// One thing that can be asked for: whose whole state, and the topic the answer travels on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    of: Topic,
    answer_on: Topic,
}

/// Activities come again in bulk, so that they do not delay what is live; connections on their own topic.
pub(crate) const SOURCES: [Source; 2] = [
    Source { of: Topic::Activities, answer_on: Topic::ActivitiesBulk },
    Source { of: Topic::Athletes, answer_on: Topic::Athletes },
];

/// Asks for whatever is incomplete and not being answered yet. Tells what was asked for.
pub(crate) async fn ask_if_incomplete(core: &Core) -> Result<Vec<Topic>, StoreError> {
    let mut asked = Vec::new();
    for source in SOURCES {
        let database = core.store.database();
        let standing =
            caught_up::standing(database.readers(), source.answer_on, core.clock.now()).await?;
        if standing == caught_up::Standing::Incomplete {
            ask(core, source).await?;
            asked.push(source.of);
        }
    }
    Ok(asked)
}

/// Asks for everything, whatever the books say.
pub(crate) async fn ask_for_everything(core: &Core) -> Result<(), StoreError> {
    for source in SOURCES {
        ask(core, source).await?;
    }
    Ok(())
}

async fn ask(core: &Core, source: Source) -> Result<(), StoreError> {
    let now = core.clock.now();
    let id = core.ids.uuid_v7(now).to_string();
    let plain = core.store.database().plain().await?;
    caught_up::asked(plain.conn(), source.answer_on, &id, now).await?;
    plain
        .publish(OutboxMessage {
            topic: Topic::Replays,
            athlete: None,
            origins: Vec::new(),
            cause: Cause::Operator,
            replay: false,
            body: ReplayRequested {
                id: id.clone(),
                service: crate::Service::NAME.to_owned(),
                of: source.of.name().to_owned(),
                answer_on: source.answer_on.name().to_owned(),
                athlete: String::new(),
            },
        })
        .await?;
    plain.commit().await?;
    tracing::info!(replay = id, of = source.of.name(), "incomplete: asked for everything again");
    Ok(())
}

/// Notes that the answer has ended on one partition. True once it has ended on all.
pub(crate) async fn answer_ended(
    core: &Core,
    topic: Topic,
    replay: &str,
    on: caught_up::OnPartition,
) -> Result<bool, StoreError> {
    let plain = core.store.database().plain().await?;
    // One at a time: two partitions that end at once must see each other.
    standing::lock(plain.conn(), topic).await?;
    let complete = caught_up::done(plain.conn(), topic, replay, on, core.clock.now()).await?;
    plain.commit().await?;
    if complete {
        tracing::info!(replay, topic = topic.name(), "complete again");
    }
    Ok(complete)
}

/// Notes that everything there is has been handled.
pub(crate) async fn note_caught_up(core: &Core) -> Result<(), StoreError> {
    let database = core.store.database();
    for source in SOURCES {
        caught_up::note(database.writer(), source.answer_on, core.clock.now()).await?;
    }
    Ok(())
}

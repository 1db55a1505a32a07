//! Answers a service that is incomplete with every connection as it is: the same revisions, marked as told again.

use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::{Cause, Topic};
use kernel::AthleteId;
use outbox::{OutboxMessage, StoreError, again_if_contended};

use super::{Means, announce, refresh};
use crate::store::{of_athlete, page};

const PAGE: i64 = 200;

/// Publishes the current state, then says on every partition that this was all.
pub(crate) async fn answer_replay(
    means: &Means,
    request: &ReplayRequested,
) -> Result<(), StoreError> {
    if request.of != Topic::Athletes.name() {
        return Ok(());
    }
    let topic = request.answer_on.parse().unwrap_or(Topic::Athletes);
    match request.athlete.parse::<AthleteId>() {
        Ok(athlete) => {
            for connection in of_athlete(&means.database, athlete).await? {
                again_if_contended(|| tell(means, &connection.id, topic)).await?;
            }
        }
        Err(_everybody) => tell_all(means, topic).await?,
    }
    let body = ReplayDone {
        id: request.id.clone(),
        service: request.service.clone(),
        of: request.of.clone(),
    };
    again_if_contended(|| done(means, &body, topic)).await
}

async fn tell_all(means: &Means, topic: Topic) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let connections = page(&means.database, &after, PAGE).await?;
        let Some(last) = connections.last() else { return Ok(()) };
        after.clone_from(&last.id);
        for connection in &connections {
            again_if_contended(|| tell(means, &connection.id, topic)).await?;
        }
    }
}

async fn tell(means: &Means, id: &str, topic: Topic) -> Result<(), StoreError> {
    let Some((effect, connection)) = refresh::locked(means, id).await? else { return Ok(()) };
    effect.publish(announce::draft(&connection, topic, true)).await?;
    effect.commit().await
}

async fn done(means: &Means, body: &ReplayDone, topic: Topic) -> Result<(), StoreError> {
    let plain = means.database.plain().await?;
    let draft = OutboxMessage {
        topic,
        athlete: None,
        origins: Vec::new(),
        cause: Cause::Operator,
        replay: true,
        body: body.clone(),
    };
    plain.publish_everywhere(draft).await?;
    plain.commit().await
}

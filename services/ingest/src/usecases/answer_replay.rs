//! Telling everything again: the whole current state, tombstones too, with the same revisions and causes.

use contracts::Topic;
use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::wire::Cause;
use jobs::{Claimed, Outcome};
use kernel::AthleteId;
use outbox::{OutboxMessage, StoreError, again_if_contended};

use super::Core;
use super::job::{self, ReplayJob};
use super::record::draft;
use crate::store;

/// Activities told per transaction.
const BATCH: u32 = 100;

/// A request that cannot be answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadRequest {
    #[error("activities do not travel on {0:?}")]
    NoSuchTopic(String),
    #[error("{0:?} is no athlete's id")]
    NoAthlete(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a job of a request for activities; others are somebody else's to answer.
pub(crate) async fn accept(core: &Core, asked: &ReplayRequested) -> Result<(), BadRequest> {
    if asked.of != Topic::Activities.name() {
        return Ok(());
    }
    topic(&asked.answer_on)?;
    let only = match asked.athlete.as_str() {
        "" => None,
        text => Some(
            text.parse::<AthleteId>().map_err(|_no_id| BadRequest::NoAthlete(text.to_owned()))?,
        ),
    };
    let job = ReplayJob {
        id: asked.id.clone(),
        service: asked.service.clone(),
        answer_on: asked.answer_on.clone(),
        only,
        athlete: None,
        activity: None,
    };
    core.queue.want(core.database.writer(), &job::replay(&job, core.now())).await?;
    Ok(())
}

/// Does the job, from where it stopped.
pub(crate) async fn answer_replay(
    core: &Core,
    claimed: &Claimed,
) -> Result<Outcome, anyhow::Error> {
    let mut at: ReplayJob = serde_json::from_value(claimed.payload.clone())?;
    let on = topic(&at.answer_on)?;
    loop {
        if at.athlete.is_none() || at.activity.is_none() {
            let next = match at.only {
                Some(only) if at.athlete != Some(only) => Some(only),
                Some(_) => None,
                None => {
                    store::activities::next_athlete(core.database.readers(), at.athlete).await?
                }
            };
            let Some(next) = next else { return Ok(finish(core, claimed, &at, on).await?) };
            at.athlete = Some(next);
        }
        match again_if_contended(|| tell(core, claimed, at.clone(), on)).await? {
            Some(told) => at = told,
            None => return Ok(Outcome::Settled),
        }
    }
}

/// Tells the next batch of the athlete whose turn it is; none when the job is not ours any more.
async fn tell(
    core: &Core,
    claimed: &Claimed,
    at: ReplayJob,
    on: Topic,
) -> Result<Option<ReplayJob>, StoreError> {
    let Some(athlete) = at.athlete else { return Ok(None) };
    let effect = core.bulk.effect(athlete).await?;
    if !core.queue.holds(effect.conn(), claimed).await? {
        return Ok(None);
    }
    let batch = store::activities::batch(effect.conn(), athlete, at.activity, BATCH).await?;
    for activity in &batch {
        if !effect.is_fenced(&activity.state.origins) {
            effect.publish(draft(activity, true, on)).await?;
        }
    }
    let whole = batch.len() < BATCH as usize;
    let next = ReplayJob { activity: batch.last().map(|told| told.id).filter(|_| !whole), ..at };
    core.queue.progress_in(effect.conn(), claimed, &job::json(&next)).await?;
    effect.commit().await?;
    Ok(Some(next))
}

async fn finish(
    core: &Core,
    claimed: &Claimed,
    at: &ReplayJob,
    on: Topic,
) -> Result<Outcome, StoreError> {
    let plain = core.bulk.plain().await?;
    let done = ReplayDone {
        id: at.id.clone(),
        service: at.service.clone(),
        of: Topic::Activities.name().to_owned(),
    };
    plain
        .publish_everywhere(OutboxMessage {
            topic: on,
            athlete: None,
            origins: Vec::new(),
            cause: Cause::Operator,
            replay: true,
            body: done,
        })
        .await?;
    core.queue.done(plain.conn(), claimed).await?;
    plain.commit().await?;
    tracing::info!(replay = at.id, asked_by = at.service, "everything was told again");
    Ok(Outcome::Settled)
}

fn topic(name: &str) -> Result<Topic, BadRequest> {
    match name.parse() {
        Ok(topic @ (Topic::Activities | Topic::ActivitiesBulk)) => Ok(topic),
        _ => Err(BadRequest::NoSuchTopic(name.to_owned())),
    }
}

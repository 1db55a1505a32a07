//! Answers replay requests: publishes all current activities, tombstones included, with their revisions and causes.

use contracts::Topic;
use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::wire::Cause;
use jobs::{ClaimedJob, JobOutcome};
use kernel::AthleteId;
use outbox::{AthleteTx, OutboxMessage, StoreError, Tx};

use super::ServiceContext;
use super::job::{self, ReplayJob};
use super::record_observation::activity_message;
use crate::store;

/// Activities per transaction.
const BATCH_SIZE: u32 = 100;

/// Error of a replay request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayRequestError {
    #[error("activities are not published on {0:?}")]
    WrongTopic(String),
    #[error("{0:?} is not the id of an athlete")]
    InvalidAthlete(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Enqueues the answer to a request for activities; requests for other data are ignored.
pub(crate) async fn enqueue_replay(
    ctx: &ServiceContext,
    request: &ReplayRequested,
) -> Result<(), ReplayRequestError> {
    if request.of != Topic::Activities.name() {
        return Ok(());
    }
    parse_topic(&request.answer_on)?;
    let only = match request.athlete.as_str() {
        "" => None,
        text => Some(
            text.parse::<AthleteId>()
                .map_err(|_invalid| ReplayRequestError::InvalidAthlete(text.to_owned()))?,
        ),
    };
    let job = ReplayJob {
        id: request.id.clone(),
        service: request.service.clone(),
        answer_on: request.answer_on.clone(),
        only,
        athlete: None,
        activity: None,
    };
    ctx.enqueue(&[job::replay_request(&job, ctx.now())]).await?;
    Ok(())
}

/// Runs the job, from the progress in its payload.
pub(crate) async fn answer_replay(
    ctx: &ServiceContext,
    job: &ClaimedJob,
) -> Result<JobOutcome, anyhow::Error> {
    let mut progress: ReplayJob = serde_json::from_value(job.payload.clone())?;
    let topic = parse_topic(&progress.answer_on)?;
    loop {
        let athlete = match (progress.athlete, progress.activity) {
            (Some(athlete), Some(_)) => athlete,
            _ => match next_athlete(ctx, &progress).await? {
                Some(next) => next,
                None => return Ok(finish_replay(ctx, job, &progress, topic).await?),
            },
        };
        let progress_ref = &progress;
        let publish =
            |tx| async move { try_publish_batch(ctx, &tx, job, progress_ref, topic).await };
        match ctx.bulk.run("publish_replay_batch", athlete, publish).await? {
            Some(next) => progress = next,
            None => return Ok(JobOutcome::Settled),
        }
    }
}

async fn next_athlete(
    ctx: &ServiceContext,
    progress: &ReplayJob,
) -> Result<Option<AthleteId>, StoreError> {
    match progress.only {
        Some(only) => Ok(Some(only).filter(|_| progress.athlete != Some(only))),
        None => store::activities::next_athlete(ctx.database.readers(), progress.athlete).await,
    }
}

/// Publishes the next batch of the athlete. Returns the new progress, or none if the job is lost.
async fn try_publish_batch(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    job: &ClaimedJob,
    progress: &ReplayJob,
    topic: Topic,
) -> Result<Option<ReplayJob>, StoreError> {
    if !ctx.queue.lock_claimed(tx, job).await? {
        return Ok(tx.unchanged(None));
    }
    let athlete = tx.athlete();
    let batch =
        store::activities::list_batch(tx.conn(), athlete, progress.activity, BATCH_SIZE).await?;
    for activity in &batch {
        if !tx.is_fenced(&activity.state.origins) {
            tx.publish(activity_message(activity, true, topic)).await?;
        }
    }
    let is_last = batch.len() < BATCH_SIZE as usize;
    let last_activity = batch.last().map(|activity| activity.id).filter(|_| !is_last);
    let next = ReplayJob { athlete: Some(athlete), activity: last_activity, ..progress.clone() };
    ctx.queue.save_progress(tx, job, &job::to_payload(&next)).await?;
    Ok(Some(next))
}

/// Publishes the end of the replay on every partition and closes the job.
async fn finish_replay(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    progress: &ReplayJob,
    topic: Topic,
) -> Result<JobOutcome, StoreError> {
    let finish = |tx: Tx| async move {
        let body = ReplayDone {
            id: progress.id.clone(),
            service: progress.service.clone(),
            of: Topic::Activities.name().to_owned(),
        };
        tx.publish_to_all_partitions(OutboxMessage {
            topic,
            athlete: None,
            origins: Vec::new(),
            cause: Cause::Operator,
            replay: true,
            body,
        })
        .await?;
        ctx.queue.close(&tx, job).await
    };
    ctx.bulk.run_plain("finish_replay", finish).await?;
    tracing::info!(replay = progress.id, requester = progress.service, "replay answered");
    Ok(JobOutcome::Settled)
}

fn parse_topic(name: &str) -> Result<Topic, ReplayRequestError> {
    match name.parse() {
        Ok(topic @ (Topic::Activities | Topic::ActivitiesBulk)) => Ok(topic),
        _ => Err(ReplayRequestError::WrongTopic(name.to_owned())),
    }
}

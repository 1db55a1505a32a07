//! The calls: the activity, and its streams if they are needed.

use jobs::{ClaimedJob, priority};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use strava_client::lease::Purpose;
use strava_client::{ErrorKind, Streams};

use super::FetchTarget;
use crate::clients::strava::LeasedStrava;
use crate::domain::facts::Facts;
use crate::domain::observation::{SourceAnswer, StreamsRef};
use crate::domain::streams;
use crate::usecases::ServiceContext;
use crate::usecases::job_failure::JobFailure;
use crate::usecases::list_page::draw_ticket;

/// Strava's answer about one activity.
#[derive(Clone, Debug)]
pub(super) struct FetchedActivity {
    pub(super) answer: SourceAnswer,
    /// None: Strava has no such activity, or does not show it.
    pub(super) facts: Option<Facts>,
    pub(super) streams: FetchedStreams,
}

/// Result of fetching streams.
#[derive(Clone, Debug)]
pub(super) enum FetchedStreams {
    /// Stored as this object.
    Stored(StreamsRef),
    /// Not available yet.
    NotReady,
    /// The activity has none, or the stored ones are still valid.
    Unchanged,
    /// The call failed; the activity itself is recorded nevertheless.
    Failed(JobFailure),
}

/// Compression level: higher ones save little and take longer.
const ZSTD_LEVEL: i32 = 3;

/// Fetches the activity. The ticket is drawn before the request: an answer is as old as its request.
/// Returns the lease too, which is still to be reported.
pub(super) async fn fetch<'a>(
    ctx: &'a ServiceContext,
    job: &ClaimedJob,
    target: &FetchTarget,
) -> Result<(FetchedActivity, LeasedStrava<'a>), anyhow::Error> {
    let (ticket, leased) = tokio::join!(
        draw_ticket(&ctx.database, &target.connection),
        acquire_lease(ctx, job, target, 0)
    );
    ctx.failpoint("ingest.ticket-drawn");
    let ticket = ticket?.ok_or(JobFailure::FENCED)?;
    let mut strava = leased?;
    let mut answer = strava.fetch_activity(target.strava).await;
    if answer.as_ref().is_err_and(|error| error.kind == ErrorKind::TokenDead) {
        // Reporting the dead token makes token refresh it.
        strava.report_usage().await;
        strava = acquire_lease(ctx, job, target, 1).await?;
        answer = strava.fetch_activity(target.strava).await;
    }
    let date = answer.as_ref().map_or_else(|error| error.date, |answer| answer.date);
    let received = SourceAnswer {
        ticket,
        generation: target.connection.generation,
        answered_at: date.unwrap_or_else(|| ctx.now()),
    };
    let facts = match answer {
        Ok(answer) => Facts::from_summary(&answer.body.summary),
        Err(error) if error.kind == ErrorKind::NotFound => {
            let streams = FetchedStreams::Unchanged;
            return Ok((FetchedActivity { answer: received, facts: None, streams }, strava));
        }
        Err(error) => {
            strava.report_usage().await;
            return Err(JobFailure::from_strava(&error, job.attempts, ctx.now()).into());
        }
    };
    ctx.failpoint("ingest.activity-fetched");
    let mut streams = FetchedStreams::Unchanged;
    if needs_streams(target, &facts) {
        match fetch_streams(ctx, job, target, &mut strava, received).await {
            Ok(fetched) => streams = fetched,
            Err(error) => {
                strava.report_usage().await;
                return Err(error);
            }
        }
    }
    Ok((FetchedActivity { answer: received, facts: Some(facts), streams }, strava))
}

async fn acquire_lease<'a>(
    ctx: &'a ServiceContext,
    job: &ClaimedJob,
    target: &FetchTarget,
    retries: u32,
) -> Result<LeasedStrava<'a>, JobFailure> {
    let is_live = job.priority <= priority::LIVE;
    let purpose = if is_live { Purpose::Live } else { Purpose::Reconcile };
    let attempt = format!("{}:{}:{retries}", job.id, job.epoch);
    let leased = ctx.strava.acquire_lease(&target.connection, purpose, attempt, 2).await;
    leased.map_err(|refusal| JobFailure::from_lease(&refusal, ctx.now()))
}

/// Returns true if streams are to be fetched: a manual activity has none, and an edited title does not change them.
fn needs_streams(target: &FetchTarget, facts: &Facts) -> bool {
    let before = &target.before;
    let has_new_recording =
        before.detail.as_ref().is_none_or(|part| facts.has_other_recording_than(&part.value));
    !facts.manual && (before.streams.is_none() || has_new_recording)
}

async fn fetch_streams(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    target: &FetchTarget,
    strava: &mut LeasedStrava<'_>,
    answered: SourceAnswer,
) -> Result<FetchedStreams, anyhow::Error> {
    match strava.fetch_streams(target.strava).await {
        Ok(answer) => store_streams(ctx, target, answered, answer.body).await,
        Err(error) => {
            let failure = JobFailure::from_strava(&error, job.attempts, ctx.now());
            Ok(FetchedStreams::Failed(failure))
        }
    }
}

/// Stores the object, before the transaction that refers to it.
async fn store_streams(
    ctx: &ServiceContext,
    target: &FetchTarget,
    answered: SourceAnswer,
    streams: Streams,
) -> Result<FetchedStreams, anyhow::Error> {
    let set = match streams {
        Streams::Ready(answer) => streams::from_strava(&answer),
        Streams::NotReady => return Ok(FetchedStreams::NotReady),
        Streams::None => return Ok(FetchedStreams::Unchanged),
    };
    let packed = zstd::bulk::compress(&set.encode()?, ZSTD_LEVEL)?;
    let key = answered.streams_object_key(&target.key);
    let stored = StreamsRef {
        key: key.clone(),
        bytes: packed.len() as i64,
        points: set.points() as i64,
        kinds: set.kinds().into_iter().map(str::to_owned).collect(),
    };
    ctx.objects.put(&Path::from(key), packed.into()).await?;
    ctx.failpoint("ingest.streams-put");
    Ok(FetchedStreams::Stored(stored))
}

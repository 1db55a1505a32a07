//! Fetches one activity from Strava under a lease, stores its streams and records its state.

mod calls;
mod commit;

use jobs::{ClaimedJob, JobOutcome};

use super::job_failure::{JobError, JobFailure};
use super::record_journal::JournalStep;
use super::{ServiceContext, job};
use crate::domain::connection::Connection;
use crate::domain::observation::{ActivityKey, Observation};
use crate::store;

/// The activity to fetch and its observation before the fetch.
#[derive(Clone, Debug)]
struct FetchTarget {
    key: ActivityKey,
    connection: Connection,
    before: Observation,
}

/// Runs the job.
pub(crate) async fn fetch_activity(
    ctx: &ServiceContext,
    job: &ClaimedJob,
) -> Result<JobOutcome, anyhow::Error> {
    let payload: job::ActivityJob = serde_json::from_value(job.payload.clone())?;
    let Some(athlete) = job.athlete else { return Ok(JobOutcome::Done) };
    let key = ActivityKey { athlete, application: payload.application, strava: payload.strava };
    let failure = match try_fetch(ctx, job, key).await {
        Ok(()) => return Ok(JobOutcome::Settled),
        Err(JobError::Internal(error)) => return Err(error),
        Err(JobError::Failure(failure)) => failure,
    };
    let step = JournalStep {
        step: "fetched",
        state: failure.journal_state(),
        reason: failure.reason(),
        attempts: job.attempts,
        next_try: failure.due(),
        activity: None,
    };
    ctx.record_step_alone(key, step).await?;
    Ok(failure.into_outcome())
}

async fn try_fetch(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    key: ActivityKey,
) -> Result<(), JobError> {
    let readers = ctx.database.readers();
    let connection = store::connections::find(readers, key.athlete, key.application).await?;
    let connection = connection
        .filter(Connection::is_connected)
        .ok_or(JobFailure::Drop { reason: "disconnected" })?;
    let before =
        store::observations::find(readers, key).await?.unwrap_or_else(|| Observation::empty(key));
    let target = FetchTarget { key, connection, before };
    let (fetched, strava) = calls::fetch(ctx, job, &target).await?;
    // The lease is reported meanwhile: the athlete need not wait for it.
    let commit = commit::commit(ctx, job, &target, fetched);
    let (committed, ()) = tokio::join!(commit, strava.report_usage());
    Ok(committed?)
}

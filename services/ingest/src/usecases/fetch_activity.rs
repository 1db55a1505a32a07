//! Fetches one activity from Strava under a lease, stores its streams and records its state.

mod calls;
mod commit;

use jobs::{ClaimedJob, JobOutcome};
use kernel::{ApplicationId, StravaActivityId, Timestamp};

use super::job_failure::JobFailure;
use super::{ServiceContext, job};
use crate::domain::connection::Connection;
use crate::domain::journal::JournalEntry;
use crate::domain::observation::Observation;
use crate::domain::observation_key::ObservationKey;
use crate::store;

/// The activity to fetch and its observation before the fetch.
#[derive(Clone, Debug)]
struct FetchTarget {
    key: ObservationKey,
    /// Strava's id.
    strava: StravaActivityId,
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
    let (source, strava) = (payload.key.source.application(), payload.key.strava_activity());
    let (Some(application), Some(strava)) = (source, strava) else {
        anyhow::bail!("{} is not at Strava", payload.key);
    };
    let key = ObservationKey::strava(athlete, application, strava);
    let failure = match try_fetch(ctx, job, &key, (application, strava)).await {
        Ok(()) => return Ok(JobOutcome::Settled),
        Err(error) => error.downcast::<JobFailure>()?,
    };
    let entry = JournalEntry {
        reason: failure.reason().to_owned(),
        attempts: job.attempts,
        next_try_us: failure.due().map_or(0, Timestamp::as_micros),
        ..ctx.journal_entry(&key, "fetched", failure.journal_state())
    };
    store::journal::insert(ctx.database.writer(), &entry).await?;
    Ok(failure.into_outcome())
}

async fn try_fetch(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    key: &ObservationKey,
    (application, strava): (ApplicationId, StravaActivityId),
) -> Result<(), anyhow::Error> {
    let readers = ctx.database.readers();
    let connection = store::connections::find_connected(readers, key.athlete, application).await?;
    let connection = connection.ok_or(JobFailure::Drop { reason: "disconnected" })?;
    let before = store::observations::find(readers, key).await?;
    let before = before.unwrap_or_else(|| Observation::empty(key.clone()));
    let target = FetchTarget { key: key.clone(), strava, connection, before };
    let (fetched, lease) = calls::fetch(ctx, job, &target).await?;
    // The lease is reported meanwhile: the athlete need not wait for it.
    let commit = commit::commit(ctx, job, &target, fetched);
    let (committed, ()) = tokio::join!(commit, lease.report_usage());
    Ok(committed?)
}

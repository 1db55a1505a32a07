//! Workers of the queue. Fetches, polls and bulk work have workers of their own and never wait for each other.

use jobs::{ClaimedJob, JobHandler, JobOutcome};
use lifecycle::Stop;
use tracing::Instrument;

use crate::usecases::answer_replay::answer_replay;
use crate::usecases::backfill::backfill;
use crate::usecases::export::{run_delete, run_export};
use crate::usecases::fetch_activity::fetch_activity;
use crate::usecases::poll_recent::poll_recent;
use crate::usecases::{ServiceContext, job};

/// Handler of all kinds of jobs of ingest.
#[derive(Debug)]
pub(crate) struct ActivityWorker {
    pub(crate) ctx: ServiceContext,
    pub(crate) soft: Stop,
}

impl JobHandler for ActivityWorker {
    async fn run(&self, job: &ClaimedJob) -> Result<JobOutcome, anyhow::Error> {
        let span = tracing::info_span!("job", kind = job.kind, subject = job.subject);
        if let Some(trace) = job.payload["trace"].as_str() {
            telemetry::set_parent(&span, trace);
        }
        self.run_job(job).instrument(span).await
    }
}

impl ActivityWorker {
    async fn run_job(&self, job: &ClaimedJob) -> Result<JobOutcome, anyhow::Error> {
        match job.kind.as_str() {
            job::FETCH_ACTIVITY => fetch_activity(&self.ctx, job).await,
            job::POLL_RECENT | job::RECONCILE_PAGE => poll_recent(&self.ctx, job).await,
            job::BACKFILL => backfill(&self.ctx, job, &self.soft).await,
            job::ANSWER_REPLAY => answer_replay(&self.ctx, job).await,
            job::EXPORT => Box::pin(run_export(&self.ctx, job)).await,
            job::DELETE_EXPORT => run_delete(&self.ctx, job).await,
            other => Ok(JobOutcome::Failed { reason: format!("unknown kind of job {other}") }),
        }
    }
}

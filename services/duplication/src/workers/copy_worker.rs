//! Runs the jobs of copies, one step at a time.

use jobs::{ClaimedJob, JobHandler, JobOutcome};
use lifecycle::Stop;

use crate::usecases::ServiceContext;
use crate::usecases::copy_records::JOB_KIND;
use crate::usecases::run_copy::run_copy;

struct CopyWorker {
    ctx: ServiceContext,
}

impl JobHandler for CopyWorker {
    async fn run(&self, job: &ClaimedJob) -> Result<JobOutcome, anyhow::Error> {
        let outcome = Box::pin(run_copy(&self.ctx, job)).await?;
        tracing::debug!(copy = job.subject, ?outcome, "a step of a copy ended");
        Ok(outcome)
    }
}

/// Runs jobs until stopped.
pub(crate) async fn run(ctx: ServiceContext, soft: Stop, hard: Stop) -> anyhow::Result<()> {
    let (queue, workers) = (ctx.queue.clone(), ctx.settings.workers.max(1));
    jobs::run_workers(queue, &[JOB_KIND], workers, CopyWorker { ctx }, soft, hard).await
}

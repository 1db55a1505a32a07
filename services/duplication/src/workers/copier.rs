//! Works copies off, one step for each turn of a job.

use jobs::{Claimed, JobHandler, Outcome};
use lifecycle::Stop;

use crate::usecases::Kit;
use crate::usecases::ledger::{JOB, hold};
use crate::usecases::run_copy::{Next, run_copy};

/// Works copies off.
struct Copier {
    kit: Kit,
}

impl JobHandler for Copier {
    async fn run(&self, job: &Claimed) -> Result<Outcome, anyhow::Error> {
        let next = Box::pin(run_copy(&self.kit, job)).await?;
        tracing::debug!(copy = job.subject, ?next, "a copy moved on");
        Ok(match next {
            Next::Close => Outcome::Done,
            Next::Lost => Outcome::Settled,
            Next::Hold { until } => {
                hold(&self.kit, job, until).await?;
                Outcome::Settled
            }
            Next::Again { at, reason, counts } => Outcome::Later { due: at, reason, counts },
        })
    }
}

/// Works until stopped.
pub(crate) async fn run(kit: Kit, soft: Stop, hard: Stop) -> anyhow::Result<()> {
    let (queue, workers) = (kit.queue.clone(), kit.settings.workers.max(1));
    jobs::run_workers(queue, &[JOB], workers, Copier { kit }, soft, hard).await
}

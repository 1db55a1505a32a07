//! Workers: they sleep until a job is due, renew its lease while it runs, and stop when told.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use kernel::Timestamp;
use lifecycle::Stop;
use outbox::StoreError;
use telemetry::Metric;
use tokio::sync::Notify;

use crate::backoff::backoff;
use crate::job::ClaimedJob;
use crate::queue::{Queue, Retry};

/// Duration of a lease; the jobs of a worker that dies are free after it.
const LEASE: Duration = Duration::from_secs(30);
/// Interval at which the lease of a running job is renewed.
const RENEW_INTERVAL: Duration = Duration::from_secs(10);
/// Upper limit of a sleep: jobs of other processes send no signal here.
const MAX_SLEEP: Duration = Duration::from_mins(1);
/// Delay after the database was unavailable.
const UNAVAILABLE_DELAY: Duration = Duration::from_secs(2);
/// Attempts to store how a job ended, which fails while the database is unavailable.
const SETTLE_ATTEMPTS: u32 = 8;
/// Delay before the next of these.
const SETTLE_RETRY_DELAY: Duration = Duration::from_millis(500);
/// Retention of closed jobs: longer than the log keeps the hints that they answer.
const CLOSED_RETENTION: Duration = Duration::from_hours(72);
/// Retention of failed jobs.
const FAILED_RETENTION: Duration = Duration::from_hours(30 * 24);
/// Interval at which both are purged.
const PURGE_INTERVAL: Duration = Duration::from_hours(1);

/// A handler of jobs of some kinds. The future may be dropped at any `.await`: keep the effect and
/// the closing of the job in one transaction.
pub trait JobHandler: Send + Sync + 'static {
    /// Runs one job. An error reschedules it with back-off; an unavailable database or a conflict does
    /// not count as an attempt.
    fn run(
        &self,
        job: &ClaimedJob,
    ) -> impl Future<Output = Result<JobOutcome, anyhow::Error>> + Send;
}

/// The outcome of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// The handler closed or rescheduled it in a transaction of its own.
    Settled,
    /// Done; the worker closes it.
    Done,
    /// To be tried again.
    Later {
        /// The earliest instant of the next attempt.
        due: Timestamp,
        /// The reason.
        reason: String,
        /// True if this was an attempt.
        counts: bool,
    },
    /// Given up.
    Failed {
        /// The reason.
        reason: String,
    },
}

/// The metrics that workers keep.
pub const METRICS: [Metric; 2] = [
    Metric::counter("jobs_retried_total", "Jobs that are tried again later, by kind.").open(),
    Metric::counter("jobs_failed_total", "Jobs that were given up, by kind.").open(),
];

/// Runs `n` workers for jobs of these kinds until the soft stop, finishing running jobs; a hard stop
/// drops them, and they are due again at once.
#[expect(
    clippy::too_many_arguments,
    reason = "the two stops are two arguments wherever something runs"
)]
pub async fn run_workers<H: JobHandler>(
    queue: Queue,
    kinds: &'static [&'static str],
    n: usize,
    handler: H,
    soft: Stop,
    hard: Stop,
) -> Result<(), anyhow::Error> {
    for metric in METRICS {
        for kind in kinds {
            metrics::counter!(metric.name, "kind" => *kind).increment(0);
        }
    }
    let handler = Arc::new(handler);
    let signal = queue.subscribe();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..n {
        let worker = Worker {
            queue: queue.clone(),
            kinds,
            handler: handler.clone(),
            soft: soft.clone(),
            hard: hard.clone(),
        };
        workers.spawn(worker.run(signal.clone()));
    }
    let purger = purge(&queue, &soft);
    let ended = async {
        while workers.join_next().await.transpose()?.is_some() {}
        Ok(())
    };
    let (ended, ()) = futures::future::join(ended, purger).await;
    ended
}

struct Worker<H> {
    queue: Queue,
    kinds: &'static [&'static str],
    handler: Arc<H>,
    soft: Stop,
    hard: Stop,
}

impl<H: JobHandler> Worker<H> {
    async fn run(self, signal: Arc<Notify>) {
        while !self.soft.is_stopped() {
            let wait = match self.queue.claim(self.kinds, LEASE).await {
                Ok(Some(job)) => {
                    // There may be another one for the next worker.
                    signal.notify_one();
                    self.run_job(&job).await;
                    continue;
                }
                Ok(None) => self.time_to_next().await,
                Err(error) => {
                    tracing::warn!(
                        error = format!("{:#}", anyhow::Error::from(error)),
                        "jobs cannot be claimed"
                    );
                    UNAVAILABLE_DELAY
                }
            };
            tokio::select! {
                () = self.soft.stopped() => {}
                () = signal.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn time_to_next(&self) -> Duration {
        match self.queue.next_instant(self.kinds).await {
            // A lease that ends at an instant is free right after it.
            Ok(Some(at)) => {
                (at.since(self.queue.clock.now()) + Duration::from_millis(1)).min(MAX_SLEEP)
            }
            Ok(None) => MAX_SLEEP,
            Err(_) => UNAVAILABLE_DELAY,
        }
    }

    async fn run_job(&self, job: &ClaimedJob) {
        let running = AssertUnwindSafe(self.handler.run(job)).catch_unwind();
        let ended = tokio::select! {
            biased;
            () = self.hard.stopped() => None,
            () = self.renew_lease(job) => {
                tracing::warn!(kind = job.kind, subject = job.subject, "the job's lease was lost: dropped");
                return;
            }
            ended = running => Some(ended),
        };
        let ended = ended.map(|ended| match ended {
            Ok(outcome) => outcome,
            Err(_) => Err(anyhow::anyhow!("the job panicked")),
        });
        let mut attempts_left = SETTLE_ATTEMPTS;
        while let Err(error) = self.settle(job, ended.as_ref()).await {
            attempts_left -= 1;
            if attempts_left == 0 || !error.is_temporary() {
                // The lease runs out, and somebody does the job again.
                tracing::warn!(kind = job.kind, error = %anyhow::Error::from(error), "a job was not settled");
                return;
            }
            // Only the holder of the claim changes the job, so that it may be tried again after any error.
            tokio::time::sleep(SETTLE_RETRY_DELAY).await;
        }
    }

    /// Stores how the job ended; none if it was stopped while it ran.
    async fn settle(
        &self,
        job: &ClaimedJob,
        ended: Option<&Result<JobOutcome, anyhow::Error>>,
    ) -> Result<(), StoreError> {
        match ended {
            None => {
                let reason = "stopped while running";
                self.reschedule(job, Retry { due: job.due, reason, counts: false }).await
            }
            Some(Ok(outcome)) => self.settle_outcome(job, outcome).await,
            Some(Err(error)) => self.retry_with_backoff(job, error).await,
        }
    }

    async fn settle_outcome(
        &self,
        job: &ClaimedJob,
        outcome: &JobOutcome,
    ) -> Result<(), StoreError> {
        match outcome {
            JobOutcome::Settled => Ok(()),
            JobOutcome::Done => self.close(job).await,
            JobOutcome::Later { due, reason, counts } => {
                self.reschedule(job, Retry { due: *due, reason, counts: *counts }).await
            }
            JobOutcome::Failed { reason } => {
                tracing::warn!(kind = job.kind, subject = job.subject, reason, "a job is given up");
                metrics::counter!("jobs_failed_total", "kind" => job.kind.clone()).increment(1);
                self.fail(job, reason).await
            }
        }
    }

    async fn retry_with_backoff(
        &self,
        job: &ClaimedJob,
        error: &anyhow::Error,
    ) -> Result<(), StoreError> {
        let now = self.queue.clock.now();
        let blameless =
            error.chain().any(|cause| cause.downcast_ref().is_some_and(StoreError::is_temporary));
        let delay = if blameless { UNAVAILABLE_DELAY } else { backoff(job.attempts) };
        let error = format!("{error:#}");
        tracing::warn!(
            kind = job.kind,
            subject = job.subject,
            attempts = job.attempts,
            error,
            "a job failed"
        );
        metrics::counter!("jobs_retried_total", "kind" => job.kind.clone()).increment(1);
        self.reschedule(job, Retry { due: now.plus(delay), reason: &error, counts: !blameless })
            .await
    }

    async fn close(&self, job: &ClaimedJob) -> Result<(), StoreError> {
        let queue = &self.queue;
        queue
            .database
            .run_plain("close_job", |tx| async move { queue.close(&tx, job).await.map(drop) })
            .await
    }

    async fn reschedule(&self, job: &ClaimedJob, retry: Retry<'_>) -> Result<(), StoreError> {
        let (queue, retry) = (&self.queue, &retry);
        queue
            .database
            .run_plain(
                "reschedule_job",
                |tx| async move { queue.reschedule(&tx, job, retry).await },
            )
            .await
    }

    async fn fail(&self, job: &ClaimedJob, reason: &str) -> Result<(), StoreError> {
        let queue = &self.queue;
        queue
            .database
            .run_plain("fail_job", |tx| async move { queue.fail(&tx, job, reason).await })
            .await
    }

    /// Renews the lease of a running job; returns only when it is lost.
    async fn renew_lease(&self, job: &ClaimedJob) {
        loop {
            tokio::time::sleep(RENEW_INTERVAL).await;
            match self.queue.extend_lease(job, LEASE).await {
                Ok(true) => {}
                Ok(false) if self.is_settled(job).await => std::future::pending().await,
                Ok(false) => return,
                Err(error) => {
                    tracing::debug!(error = %anyhow::Error::from(error), "a lease was not renewed");
                }
            }
        }
    }

    /// True if the handler has closed the job already and is only cleaning up.
    async fn is_settled(&self, job: &ClaimedJob) -> bool {
        let found = self.queue.find(&job.kind, &job.subject).await;
        matches!(found, Ok(Some(view)) if view.id == job.id && view.state != crate::State::Open)
    }
}

async fn purge(queue: &Queue, soft: &Stop) {
    while !soft.is_stopped() {
        let now = queue.clock.now();
        let closed = queue.purge(now.minus(CLOSED_RETENTION)).await;
        for purged in [closed, queue.purge_failed(now.minus(FAILED_RETENTION)).await] {
            if let Err(error) = purged {
                tracing::debug!(error = %anyhow::Error::from(error), "old jobs were not purged");
            }
        }
        tokio::select! {
            () = soft.stopped() => {}
            () = tokio::time::sleep(PURGE_INTERVAL) => {}
        }
    }
}

//! Workers: they sleep until a job is due or somebody rings, hold its lease while it runs, and stop when told.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use kernel::Timestamp;
use lifecycle::Stop;
use outbox::StoreError;
use tokio::sync::Notify;

use crate::backoff::backoff;
use crate::claim::Claimed;
use crate::queue::{Closed, Queue};

/// How long a job is held at a time; a worker that dies keeps others from it for no longer.
const LEASE: Duration = Duration::from_secs(30);
/// How often the lease of a running job is renewed.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// The longest sleep: other processes' jobs ring no bell here.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// The pause when the database is away.
const AWAY: Duration = Duration::from_secs(2);
/// How long closed jobs are kept: longer than the log keeps the hints they answer.
const KEEP_CLOSED: Duration = Duration::from_hours(72);
/// How long jobs that were given up are kept, for whoever asks why.
const KEEP_FAILED: Duration = Duration::from_hours(30 * 24);
/// How often both are purged.
const PURGE_EVERY: Duration = Duration::from_hours(1);

/// Does jobs of some kinds. The future may be dropped at any `.await`: keep the effect, and the
/// closing of the job, in one transaction.
pub trait JobHandler: Send + Sync + 'static {
    /// Does one job. An error puts it off with back-off; one that says that the database is away or
    /// contended does not count as an attempt.
    fn run(&self, job: &Claimed) -> impl Future<Output = Result<Outcome, anyhow::Error>> + Send;
}

/// How a job went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The handler closed it, or put it off, in a transaction of its own.
    Settled,
    /// It is done; the worker closes it.
    Done,
    /// Not now.
    Later {
        /// Not before.
        due: Timestamp,
        /// Why not now.
        reason: String,
        /// Whether this was an attempt.
        counts: bool,
    },
    /// Never.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Runs `n` workers for jobs of these kinds until the soft stop, finishing what is in hand; a hard
/// stop drops it, and the jobs are due again at once.
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
    let handler = Arc::new(handler);
    let bell = queue.notify().listen();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..n {
        let worker = Worker {
            queue: queue.clone(),
            kinds,
            handler: handler.clone(),
            soft: soft.clone(),
            hard: hard.clone(),
        };
        workers.spawn(worker.run(bell.clone()));
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
    async fn run(self, bell: Arc<Notify>) {
        while !self.soft.is_stopped() {
            let wait = match self.queue.claim(self.kinds, LEASE).await {
                Ok(Some(job)) => {
                    // There may be another one for the next worker.
                    bell.notify_one();
                    self.work(&job).await;
                    continue;
                }
                Ok(None) => self.until_next().await,
                Err(error) => {
                    tracing::warn!(error = %anyhow::Error::from(error), "jobs cannot be claimed now");
                    AWAY
                }
            };
            tokio::select! {
                () = self.soft.stopped() => {}
                () = bell.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn until_next(&self) -> Duration {
        match self.queue.next_instant(self.kinds).await {
            // A lease that ends at an instant is free right after it.
            Ok(Some(at)) => {
                (at.since(self.queue.clock.now()) + Duration::from_millis(1)).min(LONGEST_SLEEP)
            }
            Ok(None) => LONGEST_SLEEP,
            Err(_) => AWAY,
        }
    }

    async fn work(&self, job: &Claimed) {
        let running = AssertUnwindSafe(self.handler.run(job)).catch_unwind();
        let ended = tokio::select! {
            biased;
            () = self.hard.stopped() => None,
            () = self.heartbeat(job) => {
                tracing::warn!(kind = job.kind, subject = job.subject, "the job's lease was lost: dropped");
                return;
            }
            ended = running => Some(ended),
        };
        let settled = match ended {
            None => self.queue.later(job, job.due, "stopped while running", false).await,
            Some(Ok(Ok(outcome))) => self.settle(job, outcome).await,
            Some(Ok(Err(error))) => self.failed(job, &error).await,
            Some(Err(_)) => self.failed(job, &anyhow::anyhow!("the job panicked")).await,
        };
        if let Err(error) = settled {
            // The lease runs out, and somebody does the job again.
            tracing::warn!(kind = job.kind, error = %anyhow::Error::from(error), "a job was not settled");
        }
    }

    async fn settle(&self, job: &Claimed, outcome: Outcome) -> Result<(), StoreError> {
        match outcome {
            Outcome::Settled => Ok(()),
            Outcome::Done => match self.queue.done(self.queue.database.writer(), job).await? {
                Closed::Closed | Closed::WantedAgain => Ok(()),
            },
            Outcome::Later { due, reason, counts } => {
                self.queue.later(job, due, &reason, counts).await
            }
            Outcome::Failed { reason } => {
                tracing::warn!(kind = job.kind, subject = job.subject, reason, "a job is given up");
                metrics::counter!("jobs_failed_total", "kind" => job.kind.clone()).increment(1);
                self.queue.failed_for_good(job, &reason).await
            }
        }
    }

    async fn failed(&self, job: &Claimed, error: &anyhow::Error) -> Result<(), StoreError> {
        let now = self.queue.clock.now();
        let blameless = error.chain().any(|cause| {
            matches!(
                cause.downcast_ref(),
                Some(StoreError::Unavailable(_) | StoreError::Conflict(_))
            )
        });
        let pause = if blameless { AWAY } else { backoff(job.attempts) };
        tracing::warn!(
            kind = job.kind,
            subject = job.subject,
            attempts = job.attempts,
            error = format!("{error:#}"),
            "a job failed"
        );
        metrics::counter!("jobs_retried_total", "kind" => job.kind.clone()).increment(1);
        self.queue.later(job, now.plus(pause), &format!("{error:#}"), !blameless).await
    }

    /// Ends only when the lease is lost.
    async fn heartbeat(&self, job: &Claimed) {
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            match self.queue.extend(job, LEASE).await {
                Ok(true) => {}
                Ok(false) if self.settled_itself(job).await => std::future::pending().await,
                Ok(false) => return,
                Err(error) => {
                    tracing::debug!(error = %anyhow::Error::from(error), "a lease was not renewed");
                }
            }
        }
    }

    /// Whether the handler has closed the job already and is merely tidying up.
    async fn settled_itself(&self, job: &Claimed) -> bool {
        let found = self.queue.find(&job.kind, &job.subject).await;
        matches!(found, Ok(Some(view)) if view.id == job.id && view.state != crate::State::Open)
    }
}

async fn purge(queue: &Queue, soft: &Stop) {
    while !soft.is_stopped() {
        let now = queue.clock.now();
        let closed = queue.purge(now.minus(KEEP_CLOSED)).await;
        for purged in [closed, queue.purge_failed(now.minus(KEEP_FAILED)).await] {
            if let Err(error) = purged {
                tracing::debug!(error = %anyhow::Error::from(error), "old jobs were not purged");
            }
        }
        tokio::select! {
            () = soft.stopped() => {}
            () = tokio::time::sleep(PURGE_EVERY) => {}
        }
    }
}

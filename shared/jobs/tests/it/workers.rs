//! Workers: woken at once, idle otherwise, stopped as told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jobs::{ClaimedJob, JobHandler, JobOutcome, State, run_workers};
use kernel::SystemClock;
use lifecycle::Stop;
use outbox::StoreError;
use testkit::{databases, eventually, faulty_databases};
use tokio::sync::Semaphore;

use crate::support::{Desk, KIND, NOW, job, open, open_with_faults};

/// Does what the subject says.
#[derive(Clone)]
struct Obedient {
    ran: Arc<AtomicUsize>,
    go: Arc<Semaphore>,
}

impl JobHandler for Obedient {
    async fn run(&self, job: &ClaimedJob) -> Result<JobOutcome, anyhow::Error> {
        self.ran.fetch_add(1, Ordering::SeqCst);
        match job.subject.as_str() {
            "fail" => anyhow::bail!("as I was told"),
            "panic" => panic!("as I was told"),
            subject if subject.starts_with("give up") => {
                Ok(JobOutcome::Failed { reason: "as I was told".to_owned() })
            }
            "wait" => {
                self.go.acquire().await?.forget();
                Ok(JobOutcome::Done)
            }
            _ => Ok(JobOutcome::Done),
        }
    }
}

struct Shop {
    desk: Desk,
    handler: Obedient,
    soft: Stop,
    hard: Stop,
    running: tokio::task::JoinHandle<Result<(), anyhow::Error>>,
}

async fn shop(of: &testkit::TestDatabase) -> Shop {
    shop_at(open(of).await)
}

fn shop_at(desk: Desk) -> Shop {
    let queue = jobs::Queue::new(
        desk.database.clone(),
        Arc::new(SystemClock::new()),
        Arc::new(testkit::SeededIds::new(1)),
    );
    let handler = Obedient { ran: Arc::default(), go: Arc::new(Semaphore::new(0)) };
    let hard = Stop::new();
    let soft = hard.child();
    let work = run_workers(queue, &[KIND], 2, handler.clone(), soft.clone(), hard.clone());
    #[expect(clippy::disallowed_methods, reason = "a test's workers belong to the test")]
    let running = tokio::spawn(work);
    Shop { desk, handler, soft, hard, running }
}

impl Shop {
    /// Enqueues a job in a transaction, as services do.
    async fn enqueue(&self, subject: &str) {
        let mut job = job(subject.len() as u128, subject);
        job.due = kernel::Timestamp::from_secs(0);
        let (queue, job) = (&self.desk.queue, &job);
        let enqueued = self.desk.database.run_plain("enqueue", |tx| async move {
            queue.enqueue(&tx, job).await?;
            // Long enough for a worker that was woken too early to fall asleep again.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok::<_, StoreError>(())
        });
        enqueued.await.unwrap();
    }

    async fn is(&self, subject: &str, state: State, error: &str) {
        eventually(Duration::from_secs(3), "the job is where it should be", async || {
            let seen = self.desk.queue.find(KIND, subject).await.unwrap().unwrap();
            if seen.state == state && seen.last_error.contains(error) { Ok(()) } else { Err(seen) }
        })
        .await;
    }
}

#[tokio::test]
async fn a_commit_wakes_a_worker_and_every_end_of_a_job_is_written_down() {
    for of in databases().await {
        let shop = shop(&of).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        shop.enqueue("plain").await;
        shop.is("plain", State::Closed, "").await;
        shop.enqueue("fail").await;
        shop.is("fail", State::Open, "as I was told").await;
        shop.enqueue("panic").await;
        shop.is("panic", State::Open, "panicked").await;
        shop.enqueue("give up").await;
        shop.is("give up", State::Failed, "as I was told").await;
        assert_eq!(shop.handler.ran.load(Ordering::SeqCst), 4, "{}", of.engine());
        shop.soft.trigger();
        shop.running.await.unwrap().unwrap();
    }
}

/// The transactions of a worker that meet every fault; the others are in the services' tests.
const TRANSACTIONS: [&str; 2] = ["close_job", "fail_job"];

#[tokio::test]
async fn the_end_of_a_job_is_written_down_whatever_fails_meanwhile_and_the_job_runs_once() {
    for (of, faults) in faulty_databases().await {
        let shop = shop_at(open_with_faults(&of, faults.clone()).await);
        faults.arm_only(&TRANSACTIONS);
        let mut jobs = 0;
        for round in 0..60 {
            for (subject, state) in [("plain", State::Closed), ("give up", State::Failed)] {
                let subject = format!("{subject} {round}");
                shop.enqueue(&subject).await;
                shop.is(&subject, state, "").await;
                jobs += 1;
            }
            if TRANSACTIONS.iter().all(|name| faults.is_done(name)) {
                break;
            }
        }
        assert!(TRANSACTIONS.iter().all(|name| faults.is_done(name)), "{:?}", faults.names());
        assert_eq!(shop.handler.ran.load(Ordering::SeqCst), jobs, "{}", of.engine());
        shop.soft.trigger();
        shop.running.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_soft_stop_finishes_what_is_in_hand() {
    for of in databases().await {
        let shop = shop(&of).await;
        shop.enqueue("wait").await;
        eventually(Duration::from_secs(3), "the job runs", async || {
            let ran = shop.handler.ran.load(Ordering::SeqCst);
            if ran == 1 { Ok(()) } else { Err(ran) }
        })
        .await;
        shop.soft.trigger();
        tokio::time::sleep(Duration::from_millis(100)).await;
        shop.handler.go.add_permits(1);
        shop.running.await.unwrap().unwrap();
        let seen = shop.desk.queue.find(KIND, "wait").await.unwrap().unwrap();
        assert_eq!(seen.state, State::Closed, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_hard_stop_drops_the_job_which_is_due_again_at_once_and_counts_nothing() {
    for of in databases().await {
        let shop = shop(&of).await;
        shop.enqueue("wait").await;
        eventually(Duration::from_secs(3), "the job runs", async || {
            let ran = shop.handler.ran.load(Ordering::SeqCst);
            if ran == 1 { Ok(()) } else { Err(ran) }
        })
        .await;
        shop.hard.trigger();
        shop.running.await.unwrap().unwrap();
        let seen = shop.desk.queue.find(KIND, "wait").await.unwrap().unwrap();
        assert_eq!((seen.state, seen.attempts), (State::Open, 0), "{}", of.engine());
        assert!(seen.lease_until < NOW, "{}: the lease is given back", of.engine());
    }
}

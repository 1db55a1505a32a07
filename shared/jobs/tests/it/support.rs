//! What these tests share.

use std::sync::Arc;
use std::time::Duration;

use jobs::{ClaimedJob, CloseResult, JobRequest, Queue, Retry, priority};
use kernel::{ApplicationId, AthleteId, ManualClock, Source, Timestamp};
use outbox::{Database, StoreError, StoreFaults};
use serde_json::json;
use testkit::{SeededIds, TestDatabase};
use uuid::Uuid;

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);
pub(crate) const LEASE: Duration = Duration::from_secs(30);
pub(crate) const KIND: &str = "fetch";

pub(crate) struct Desk {
    pub(crate) database: Database,
    pub(crate) queue: Queue,
    pub(crate) clock: Arc<ManualClock>,
}

/// A queue in this database; a second one on the same database stands for another process.
pub(crate) async fn open(of: &TestDatabase) -> Desk {
    open_with_faults(of, StoreFaults::default()).await
}

/// A queue whose transactions may fail.
pub(crate) async fn open_with_faults(of: &TestDatabase, faults: StoreFaults) -> Desk {
    let clock = Arc::new(ManualClock::at(NOW));
    let database = Database::open(&of.target(), jobs::migrations()).await.unwrap();
    let database = database.with_faults(faults);
    let queue =
        Queue::new(database.clone(), clock.clone(), Arc::new(SeededIds::new(NOW.as_secs() as u64)));
    Desk { database, queue, clock }
}

impl Desk {
    pub(crate) async fn enqueue(&self, job: JobRequest) {
        let (queue, job) = (&self.queue, &job);
        self.database
            .run_plain("enqueue", |tx| async move { queue.enqueue(&tx, job).await })
            .await
            .unwrap();
    }

    pub(crate) async fn claim(&self) -> Option<ClaimedJob> {
        self.queue.claim(&[KIND], LEASE).await.unwrap()
    }

    pub(crate) async fn close(&self, job: &ClaimedJob) -> Result<CloseResult, StoreError> {
        let queue = &self.queue;
        self.database.run_plain("close", |tx| async move { queue.close(&tx, job).await }).await
    }

    pub(crate) async fn reschedule(&self, job: &ClaimedJob, retry: Retry<'_>) {
        let (queue, retry) = (&self.queue, &retry);
        self.database
            .run_plain("reschedule", |tx| async move { queue.reschedule(&tx, job, retry).await })
            .await
            .unwrap();
    }

    pub(crate) async fn fail(&self, job: &ClaimedJob, reason: &str) {
        let queue = &self.queue;
        self.database
            .run_plain("fail", |tx| async move { queue.fail(&tx, job, reason).await })
            .await
            .unwrap();
    }

    pub(crate) async fn save_progress(
        &self,
        job: &ClaimedJob,
        payload: &serde_json::Value,
    ) -> bool {
        let queue = &self.queue;
        self.database
            .run_plain(
                "save_progress",
                |tx| async move { queue.save_progress(&tx, job, payload).await },
            )
            .await
            .unwrap()
    }

    /// Claims and closes until nothing is due; returns the subjects in that order.
    pub(crate) async fn work_off(&self) -> Vec<String> {
        let mut order = Vec::new();
        while let Some(job) = self.claim().await {
            self.clock.advance(Duration::from_secs(1));
            self.close(&job).await.unwrap();
            order.push(job.subject);
        }
        order
    }
}

pub(crate) fn athlete(n: u128) -> AthleteId {
    AthleteId::from_uuid(Uuid::from_u128(n))
}

/// A job due since shortly before now: the athletes' jobs in the order of their numbers.
pub(crate) fn job(of: u128, subject: &str) -> JobRequest {
    JobRequest {
        kind: KIND,
        subject: subject.to_owned(),
        athlete: Some(athlete(of)),
        source: Some(Source::Strava(ApplicationId::new(1))),
        priority: priority::LIVE,
        due: NOW.minus(Duration::from_millis(1)).plus(Duration::from_micros(of as u64)),
        payload: json!({}),
        not_if_answered_after: None,
    }
}

impl Desk {
    pub(crate) fn clock_now(&self) -> Timestamp {
        use kernel::Clock as _;
        self.clock.now()
    }
}

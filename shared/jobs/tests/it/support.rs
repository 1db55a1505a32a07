//! What these tests share.

use std::sync::Arc;
use std::time::Duration;

use jobs::{Claimed, Queue, Wanted, priority};
use kernel::{AthleteId, ManualClock, Timestamp};
use outbox::Database;
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
    let clock = Arc::new(ManualClock::at(NOW));
    let database = Database::open(&of.target(), jobs::migrations()).await.unwrap();
    let queue =
        Queue::new(database.clone(), clock.clone(), Arc::new(SeededIds::new(NOW.as_secs() as u64)));
    Desk { database, queue, clock }
}

impl Desk {
    pub(crate) async fn want(&self, job: Wanted) {
        self.queue.want(self.database.writer(), &job).await.unwrap();
    }

    pub(crate) async fn claim(&self) -> Option<Claimed> {
        self.queue.claim(&[KIND], LEASE).await.unwrap()
    }

    /// Claims and closes until nothing is due; says in which order.
    pub(crate) async fn work_off(&self) -> Vec<String> {
        let mut order = Vec::new();
        while let Some(job) = self.claim().await {
            self.clock.advance(Duration::from_secs(1));
            self.queue.done(self.database.writer(), &job).await.unwrap();
            order.push(job.subject);
        }
        order
    }
}

pub(crate) fn athlete(n: u128) -> AthleteId {
    AthleteId::from_uuid(Uuid::from_u128(n))
}

/// A job due since shortly before now: the athletes' jobs in the order of their numbers.
pub(crate) fn job(of: u128, subject: &str) -> Wanted {
    Wanted {
        kind: KIND,
        subject: subject.to_owned(),
        athlete: Some(athlete(of)),
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

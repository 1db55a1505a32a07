//! Transaction handles: cheap values that a closure of [`Database::run`] works with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contracts::Event;
use kernel::{AthleteId, EventId, Timestamp};

use crate::athlete_row::LockedAthlete;
use crate::outbox_message::{self, EncodedRecord, Routing};
use crate::tx_connection::TxConnection;
use crate::{Database, OutboxMessage, StoreError};

/// A write transaction without an athlete. Only the runner commits it.
#[derive(Debug)]
pub struct Tx {
    inner: Arc<TxInner>,
}

#[derive(Debug)]
struct TxInner {
    conn: TxConnection,
    database: Database,
    athletes: Mutex<BTreeMap<AthleteId, LockedAthlete>>,
    published: AtomicBool,
    jobs_enqueued: AtomicBool,
    unchanged: AtomicBool,
}

impl Tx {
    pub(crate) async fn begin(database: &Database, name: &'static str) -> Result<Self, StoreError> {
        let inner = TxInner {
            conn: database.begin(name).await?,
            database: database.clone(),
            athletes: Mutex::default(),
            published: AtomicBool::new(false),
            jobs_enqueued: AtomicBool::new(false),
            unchanged: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Another handle on the same transaction.
    pub(crate) fn share(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }

    /// The connection that statements of the service's store run on.
    pub fn conn(&self) -> &TxConnection {
        &self.inner.conn
    }

    /// The clock's time.
    pub(crate) fn now(&self) -> Timestamp {
        self.inner.database.clock().now()
    }

    /// Passes `value` through and makes the runner roll back instead of commit: nothing was changed,
    /// and an ignored duplicate must not cost an fsync.
    pub fn unchanged<T>(&self, value: T) -> T {
        self.inner.unchanged.store(true, Ordering::Relaxed);
        value
    }

    /// Inserts an outbox row; the relay publishes it to the partition of its key after the commit.
    pub async fn publish<E: Event>(
        &self,
        message: OutboxMessage<E>,
    ) -> Result<EventId, StoreError> {
        self.insert_message(message, Routing::ByKey).await
    }

    /// As [`Tx::publish`], under a given id: for an event whose first publication may have succeeded.
    pub async fn publish_with_id<E: Event>(
        &self,
        id: EventId,
        message: OutboxMessage<E>,
    ) -> Result<(), StoreError> {
        self.inner.published.store(true, Ordering::Relaxed);
        let (conn, database) = (self.conn(), &self.inner.database);
        outbox_message::insert_with_id(conn, database, id, message, Routing::ByKey).await
    }

    /// Inserts an outbox row that the relay publishes to every partition of its topic (`ReplayDone`).
    pub async fn publish_to_all_partitions<E: Event>(
        &self,
        message: OutboxMessage<E>,
    ) -> Result<EventId, StoreError> {
        self.insert_message(message, Routing::AllPartitions).await
    }

    /// Wakes the job workers after the commit.
    pub fn wake_workers_on_commit(&self) {
        self.inner.jobs_enqueued.store(true, Ordering::Relaxed);
    }

    /// Inserts the outbox row of an encoded record.
    pub(crate) async fn insert_record(&self, record: EncodedRecord) -> Result<(), StoreError> {
        self.inner.published.store(true, Ordering::Relaxed);
        outbox_message::insert_record(self.conn(), &self.inner.database, record).await
    }

    async fn insert_message<E: Event>(
        &self,
        message: OutboxMessage<E>,
        routing: Routing,
    ) -> Result<EventId, StoreError> {
        self.inner.published.store(true, Ordering::Relaxed);
        outbox_message::insert(self.conn(), &self.inner.database, message, routing).await
    }

    pub(crate) fn athletes(&self) -> MutexGuard<'_, BTreeMap<AthleteId, LockedAthlete>> {
        self.inner.athletes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits, or rolls back what is marked as unchanged, and wakes the relay and the workers.
    pub(crate) async fn finish(self, name: &'static str) -> Result<(), StoreError> {
        let Some(inner) = Arc::into_inner(self.inner) else {
            return Err(StoreError::inconsistent(format!(
                "a handle of the transaction {name} outlived its closure"
            )));
        };
        let athletes = inner.athletes.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (published, jobs) = (inner.published.into_inner(), inner.jobs_enqueued.into_inner());
        if inner.unchanged.into_inner() {
            if published || jobs || athletes.values().any(LockedAthlete::is_changed) {
                return Err(StoreError::inconsistent(format!(
                    "the transaction {name} says that it changed nothing, but it did"
                )));
            }
            return inner.conn.rollback().await;
        }
        for (id, athlete) in &athletes {
            athlete.save(&inner.conn, *id).await?;
        }
        let committed = inner.conn.commit().await;
        // Also if the answer to the commit is lost: what is there is found.
        if published {
            inner.database.outbox_signal().notify_one();
        }
        if jobs {
            inner.database.jobs_signal().notify();
        }
        committed
    }
}

//! A write transaction that is nobody's in particular: jobs, sign-in states, replay bookkeeping.

use std::sync::atomic::{AtomicBool, Ordering};

use contracts::Event;
use kernel::EventId;
use sea_orm::DatabaseTransaction;

use crate::outbox_message::{self, Routing};
use crate::raw_tx::RawTx;
use crate::{Database, OutboxMessage, StoreError};

/// A write transaction without an athlete; dropped, it never happened.
#[derive(Debug)]
pub struct Plain {
    unit: RawTx,
    database: Database,
    published: AtomicBool,
}

impl Plain {
    pub(crate) async fn open(database: &Database) -> Result<Self, StoreError> {
        let unit = database.begin().await?;
        Ok(Self { unit, database: database.clone(), published: AtomicBool::new(false) })
    }

    /// For the service's own store modules.
    pub fn conn(&self) -> &DatabaseTransaction {
        &self.unit.tx
    }

    /// Writes an outbox row.
    pub async fn publish<E: Event>(
        &self,
        message: OutboxMessage<E>,
    ) -> Result<EventId, StoreError> {
        self.insert(message, Routing::ByKey).await
    }

    /// Writes an outbox row for every partition of its topic (`ReplayDone`).
    pub async fn publish_everywhere<E: Event>(
        &self,
        message: OutboxMessage<E>,
    ) -> Result<EventId, StoreError> {
        self.insert(message, Routing::AllPartitions).await
    }

    async fn insert<E: Event>(
        &self,
        message: OutboxMessage<E>,
        reach: Routing,
    ) -> Result<EventId, StoreError> {
        self.published.store(true, Ordering::Relaxed);
        outbox_message::insert(self.conn(), &self.database, message, reach).await
    }

    /// Makes it happen, and wakes the relay if there is something to publish.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.unit.tx.commit().await?;
        self.database.bell().committed();
        if self.published.into_inner() {
            self.database.outbox_filled().notify_one();
        }
        Ok(())
    }
}

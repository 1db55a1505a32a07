//! A write transaction that is nobody's in particular: jobs, sign-in states, replay bookkeeping.

use std::sync::atomic::{AtomicBool, Ordering};

use contracts::Event;
use kernel::EventId;
use sea_orm::DatabaseTransaction;

use crate::draft::{self, Reach};
use crate::unit::Unit;
use crate::{Database, Draft, StoreError};

/// A write transaction without an athlete; dropped, it never happened.
#[derive(Debug)]
pub struct Plain {
    unit: Unit,
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
    pub async fn publish<E: Event>(&self, draft: Draft<E>) -> Result<EventId, StoreError> {
        self.insert(draft, Reach::ItsKey).await
    }

    /// Writes an outbox row for every partition of its topic (`ReplayDone`).
    pub async fn publish_everywhere<E: Event>(
        &self,
        draft: Draft<E>,
    ) -> Result<EventId, StoreError> {
        self.insert(draft, Reach::Everywhere).await
    }

    async fn insert<E: Event>(&self, draft: Draft<E>, reach: Reach) -> Result<EventId, StoreError> {
        self.published.store(true, Ordering::Relaxed);
        draft::insert(self.conn(), &self.database, draft, reach).await
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

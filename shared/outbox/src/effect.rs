//! The effect transaction: it exists only with the athlete's row locked; dropped, it never happened.

use std::sync::atomic::{AtomicBool, Ordering};

use contracts::{Envelope, Erasure, Event, Origin, wire::envelope::Payload};
use kernel::{ApplicationId, AthleteId, EventId, Generation};
use sea_orm::{DatabaseTransaction, DbBackend};

use crate::fence::Fences;
use crate::outbox_message::{self, Routing};
use crate::raw_tx::RawTx;
use crate::{Database, OutboxMessage, StoreError, sql};

/// A transaction that holds one athlete's row.
#[derive(Debug)]
pub struct Effect {
    unit: RawTx,
    database: Database,
    athlete: AthleteId,
    stored: Row,
    now: Row,
    fences: Fences,
    published: AtomicBool,
}

/// The athlete's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    counter: i64,
    version: i64,
    gone: bool,
}

impl Effect {
    pub(crate) async fn open(database: &Database, athlete: AthleteId) -> Result<Self, StoreError> {
        let unit = database.begin().await?;
        // An upsert locks the row also when it is new; SELECT … FOR UPDATE would lock nothing then.
        let lock = match database.backend() {
            DbBackend::Sqlite => {
                "INSERT INTO athlete (id, counter, version, gone) VALUES (?, 0, 0, 0) \
                 ON CONFLICT (id) DO UPDATE SET counter = athlete.counter"
            }
            _ => {
                "INSERT INTO athlete (id, counter, version, gone) VALUES (?, 0, 0, 0) \
                 ON DUPLICATE KEY UPDATE counter = athlete.counter"
            }
        };
        let id = athlete.to_string();
        sql::execute(&unit.tx, lock, [id.clone().into()]).await?;
        let row = sql::one(
            &unit.tx,
            "SELECT counter, version, gone FROM athlete WHERE id = ?",
            [id.into()],
        )
        .await?
        .ok_or_else(|| StoreError::inconsistent("the athlete's row vanished under its lock"))?;
        let stored = Row {
            counter: row.try_get("", "counter")?,
            version: row.try_get("", "version")?,
            gone: row.try_get::<i32>("", "gone")? != 0,
        };
        let fences = Fences::load(&unit.tx, athlete, stored.gone).await?;
        let published = AtomicBool::new(false);
        Ok(Self {
            unit,
            database: database.clone(),
            athlete,
            stored,
            now: stored,
            fences,
            published,
        })
    }

    /// Whose it is.
    pub fn athlete(&self) -> AthleteId {
        self.athlete
    }

    /// For the service's own store modules.
    pub fn conn(&self) -> &DatabaseTransaction {
        &self.unit.tx
    }

    /// The athlete's version, for `ETag`s.
    pub fn version(&self) -> i64 {
        self.now.version
    }

    /// What the athlete sees has changed; written at commit, once however often it is called.
    pub fn bump_version(&mut self) {
        self.now.version = self.stored.version + 1;
    }

    /// The counter as it is: the last ticket or revision drawn, 0 before the first.
    pub fn counter(&self) -> i64 {
        self.now.counter
    }

    /// Whether the account is deleted.
    pub fn is_gone(&self) -> bool {
        self.fences.gone
    }

    /// Whether one of these origins is withdrawn, or the athlete is gone: then the message is dropped.
    pub fn is_fenced(&self, origins: &[Origin]) -> bool {
        self.fences.shuts_out(origins)
    }

    /// The lowest generation of an application that still counts, if it was ever fenced.
    pub fn min_generation(&self, application: ApplicationId) -> Option<Generation> {
        self.fences.min_generation(application)
    }

    /// Raises the fence; false when it is as high already.
    pub async fn raise_fence(&mut self, erasure: Erasure) -> Result<bool, StoreError> {
        let raised = self.fences.raise(&self.unit.tx, self.athlete, erasure).await?;
        self.now.gone = self.fences.gone;
        Ok(raised)
    }

    /// The athlete's counter + 1: tickets and revisions. Written at commit.
    pub async fn next(&mut self) -> Result<i64, StoreError> {
        self.now.counter += 1;
        Ok(self.now.counter)
    }

    /// Writes an outbox row.
    pub async fn publish<E: Event>(
        &self,
        message: OutboxMessage<E>,
    ) -> Result<EventId, StoreError> {
        self.published.store(true, Ordering::Relaxed);
        outbox_message::insert(self.conn(), &self.database, message, Routing::ByKey).await
    }

    /// Deletes the athlete's rows of the kit that the fences now shut out: outbox rows not yet
    /// published and parked events. Says how many. What tells others of the erase stays.
    pub async fn forget_fenced(&self) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for table in ["outbox", "parked_event"] {
            let rows = sql::all(
                self.conn(),
                &format!("SELECT id, value FROM {table} WHERE athlete = ?"),
                [self.athlete.to_string().into()],
            )
            .await?;
            for row in rows {
                if !self.must_go(&row.try_get::<Vec<u8>>("", "value")?) {
                    continue;
                }
                let delete = format!("DELETE FROM {table} WHERE id = ?");
                let id: sea_orm::Value = match table {
                    "outbox" => row.try_get::<i64>("", "id")?.into(),
                    _ => row.try_get::<String>("", "id")?.into(),
                };
                forgotten += sql::execute(self.conn(), &delete, [id]).await?;
            }
        }
        Ok(forgotten)
    }

    fn must_go(&self, value: &[u8]) -> bool {
        match Envelope::decode(value) {
            Ok(Envelope { payload: Payload::AthleteChanged(_) | Payload::Erased(_), .. }) => false,
            Ok(envelope) => self.is_fenced(&envelope.origins),
            // What cannot be read cannot be shown to be somebody else's.
            Err(_) => true,
        }
    }

    /// Makes it happen, and wakes the relay if there is something to publish.
    pub async fn commit(self) -> Result<(), StoreError> {
        if self.now != self.stored {
            sql::execute(
                &self.unit.tx,
                "UPDATE athlete SET counter = ?, version = ?, gone = ? WHERE id = ?",
                [
                    self.now.counter.into(),
                    self.now.version.into(),
                    i32::from(self.now.gone).into(),
                    self.athlete.to_string().into(),
                ],
            )
            .await?;
        }
        self.unit.tx.commit().await?;
        self.database.bell().committed();
        if self.published.into_inner() {
            self.database.outbox_filled().notify_one();
        }
        Ok(())
    }
}

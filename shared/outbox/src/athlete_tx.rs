//! The athlete transaction: a write transaction that holds one athlete's row.

use std::ops::Deref;

use contracts::{Envelope, Erasure, Origin, wire::envelope::Payload};
use kernel::{ApplicationId, AthleteId, Generation, Revision, Ticket};
use sea_orm::FromQueryResult;

use crate::athlete_row::LockedAthlete;
use crate::tx::Tx;
use crate::{StoreError, sql};

/// A handle on a transaction that holds one athlete's row.
#[derive(Debug)]
pub struct AthleteTx {
    tx: Tx,
    athlete: AthleteId,
}

impl Deref for AthleteTx {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl AthleteTx {
    pub(crate) fn new(tx: Tx, athlete: AthleteId) -> Self {
        Self { tx, athlete }
    }

    /// The athlete whose row is locked.
    pub fn athlete(&self) -> AthleteId {
        self.athlete
    }

    /// The athlete's version, for `ETag`s.
    pub fn version(&self) -> i64 {
        self.read(|athlete| athlete.now.version)
    }

    /// Raises the version at commit: the athlete sees a change. Once, however often it is called.
    pub fn bump_version(&self) {
        self.write(LockedAthlete::bump_version);
    }

    /// The last ticket or revision drawn; 0 before the first.
    pub fn counter(&self) -> i64 {
        self.read(|athlete| athlete.now.counter)
    }

    /// Draws a revision: the athlete's counter + 1, and at least the clock in microseconds; written at commit.
    /// So a database that was restored from an older moment draws none that others have seen and would ignore.
    pub fn draw_revision(&self) -> Revision {
        Revision::new(self.draw())
    }

    /// Draws a ticket from the same counter, written at commit.
    pub fn draw_ticket(&self) -> Ticket {
        Ticket::new(self.draw())
    }

    fn draw(&self) -> i64 {
        let floor = self.tx.now().as_micros();
        self.write(|athlete| {
            athlete.now.counter = (athlete.now.counter + 1).max(floor);
            athlete.now.counter
        })
    }

    /// True if the account is deleted.
    pub fn is_gone(&self) -> bool {
        self.read(|athlete| athlete.fences.gone)
    }

    /// True if one of these origins is withdrawn, or the athlete is gone: then the message is dropped.
    pub fn is_fenced(&self, origins: &[Origin]) -> bool {
        self.read(|athlete| athlete.fences.shuts_out(origins))
    }

    /// The lowest generation of an application that still counts; none if it was never fenced.
    pub fn min_generation(&self, application: ApplicationId) -> Option<Generation> {
        self.read(|athlete| athlete.fences.min_generation(application))
    }

    /// Raises the fence; false if it is as high already.
    pub async fn raise_fence(&self, erasure: Erasure) -> Result<bool, StoreError> {
        let mut fences = self.read(|athlete| athlete.fences.clone());
        let raised = fences.raise(self.conn(), self.athlete, erasure).await?;
        self.write(|athlete| {
            athlete.now.gone = fences.gone;
            athlete.fences = fences;
        });
        Ok(raised)
    }

    /// Deletes the athlete's outbox rows not yet published that the fences shut out, among the next `limit` after this
    /// place (empty: the beginning). Returns their number and the place to go on from, if there may be more. Messages
    /// that tell others of an erasure stay.
    pub async fn delete_fenced_outbox(
        &self,
        after: &str,
        limit: u64,
    ) -> Result<(u64, Option<String>), StoreError> {
        #[derive(FromQueryResult)]
        struct OutboxRow {
            id: i64,
            value: Vec<u8>,
        }
        let select =
            "SELECT id, value FROM outbox WHERE athlete = ? AND id > ? ORDER BY id LIMIT ?";
        let after: i64 = after.parse().unwrap_or(i64::MIN);
        let values = [self.athlete.to_string().into(), after.into(), limit.into()];
        let rows = sql::fetch_all::<OutboxRow>(self.conn(), select, values).await?;
        let fenced = rows.iter().filter(|row| self.shuts_out_record(&row.value));
        let ids = fenced.map(|row| row.id.into()).collect();
        let next = rows.last().filter(|_| rows.len() as u64 == limit).map(|row| row.id.to_string());
        Ok((self.delete_records("outbox", ids).await?, next))
    }

    /// Deletes the athlete's parked events that the fences shut out, as [`AthleteTx::delete_fenced_outbox`] does.
    pub async fn delete_fenced_parked(
        &self,
        after: &str,
        limit: u64,
    ) -> Result<(u64, Option<String>), StoreError> {
        #[derive(FromQueryResult)]
        struct ParkedRow {
            id: String,
            value: Vec<u8>,
        }
        let select =
            "SELECT id, value FROM parked_event WHERE athlete = ? AND id > ? ORDER BY id LIMIT ?";
        let values = [self.athlete.to_string().into(), after.into(), limit.into()];
        let rows = sql::fetch_all::<ParkedRow>(self.conn(), select, values).await?;
        let fenced = rows.iter().filter(|row| self.shuts_out_record(&row.value));
        let ids = fenced.map(|row| row.id.clone().into()).collect();
        let next = rows.last().filter(|_| rows.len() as u64 == limit).map(|row| row.id.clone());
        Ok((self.delete_records("parked_event", ids).await?, next))
    }

    async fn delete_records(
        &self,
        table: &str,
        ids: Vec<sea_orm::Value>,
    ) -> Result<u64, StoreError> {
        if ids.is_empty() {
            return Ok(0);
        }
        let delete = format!("DELETE FROM {table} WHERE id IN ({})", sql::placeholders(ids.len()));
        sql::execute(self.conn(), &delete, ids).await
    }

    fn shuts_out_record(&self, value: &[u8]) -> bool {
        match Envelope::decode(value) {
            Ok(Envelope {
                payload:
                    Payload::AthleteChanged(_) | Payload::AccountChanged(_) | Payload::Erased(_),
                ..
            }) => false,
            Ok(envelope) => self.is_fenced(&envelope.origins),
            // A record that cannot be decoded cannot be shown to be somebody else's.
            Err(_) => true,
        }
    }

    fn read<T>(&self, read: impl FnOnce(&LockedAthlete) -> T) -> T {
        self.write(|athlete| read(athlete))
    }

    #[expect(clippy::expect_used, reason = "a handle exists only for a locked athlete")]
    fn write<T>(&self, write: impl FnOnce(&mut LockedAthlete) -> T) -> T {
        write(self.tx.athletes().get_mut(&self.athlete).expect("the athlete is locked"))
    }
}

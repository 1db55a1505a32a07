//! The athlete's row: lock, counter, version and fences of one athlete within a transaction.

use kernel::AthleteId;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Value};

use crate::fence::Fences;
use crate::{StoreError, sql};

/// An athlete whose row a transaction holds.
#[derive(Clone, Debug)]
pub(crate) struct LockedAthlete {
    stored: AthleteRow,
    pub(crate) now: AthleteRow,
    pub(crate) fences: Fences,
}

/// Counter, version and account state of an athlete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AthleteRow {
    pub(crate) counter: i64,
    pub(crate) version: i64,
    pub(crate) gone: bool,
}

#[derive(FromQueryResult)]
struct StoredAthlete {
    counter: i64,
    version: i64,
    deleted: i32,
}

impl LockedAthlete {
    /// Locks the rows of these athletes in the order given, new ones too.
    ///
    /// An upsert locks a row also when it is new; SELECT … FOR UPDATE would lock nothing then.
    pub(crate) async fn lock<C: ConnectionTrait>(
        conn: &C,
        athletes: &[AthleteId],
    ) -> Result<(), StoreError> {
        let rows = vec!["(?, 0, 0, 0)"; athletes.len()].join(", ");
        let on_conflict = match conn.get_database_backend() {
            DbBackend::Sqlite => "ON CONFLICT (id) DO UPDATE SET",
            _ => "ON DUPLICATE KEY UPDATE",
        };
        let lock = format!(
            "INSERT INTO athlete (id, counter, version, deleted) VALUES {rows} {on_conflict} counter = athlete.counter"
        );
        let ids = athletes.iter().map(|id| Value::from(id.to_string()));
        sql::execute(conn, &lock, ids.collect::<Vec<_>>()).await?;
        Ok(())
    }

    /// Reads an athlete whose row is locked.
    pub(crate) async fn load<C: ConnectionTrait>(
        conn: &C,
        athlete: AthleteId,
    ) -> Result<Self, StoreError> {
        let row: StoredAthlete = sql::fetch_one(
            conn,
            "SELECT counter, version, deleted FROM athlete WHERE id = ?",
            [athlete.to_string().into()],
        )
        .await?
        .ok_or_else(|| StoreError::inconsistent("the athlete's row vanished under its lock"))?;
        let stored =
            AthleteRow { counter: row.counter, version: row.version, gone: row.deleted != 0 };
        let fences = Fences::load(conn, athlete, stored.gone).await?;
        Ok(Self { stored, now: stored, fences })
    }

    /// True if the row has to be written.
    pub(crate) fn is_changed(&self) -> bool {
        self.now != self.stored
    }

    /// Raises the version by one, however often it is called.
    pub(crate) fn bump_version(&mut self) {
        self.now.version = self.stored.version + 1;
    }

    /// Writes the row if it changed.
    pub(crate) async fn save<C: ConnectionTrait>(
        &self,
        conn: &C,
        athlete: AthleteId,
    ) -> Result<(), StoreError> {
        if !self.is_changed() {
            return Ok(());
        }
        sql::execute(
            conn,
            "UPDATE athlete SET counter = ?, version = ?, deleted = ? WHERE id = ?",
            [
                self.now.counter.into(),
                self.now.version.into(),
                i32::from(self.now.gone).into(),
                athlete.to_string().into(),
            ],
        )
        .await?;
        Ok(())
    }
}

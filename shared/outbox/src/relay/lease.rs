//! The relay's lease: one row with an epoch, so that one relay of a service works at a time.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::LazyLock;
use std::time::Duration;

use kernel::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, Value};

use crate::{Database, StoreError, sql};

/// How long a relay that says nothing keeps the others waiting.
const LASTS: Duration = Duration::from_secs(6);
/// How often a lease is renewed while the bus takes its time.
pub(super) const RENEW: Duration = Duration::from_secs(2);

/// Tells this process from the one before it: a SQLite file has one process at a time, so another
/// process's lease on it is a dead one's.
static PROCESS: LazyLock<String> =
    LazyLock::new(|| format!("{}-{:016x}", std::process::id(), RandomState::new().hash_one(0)));

/// The epoch of the lease that is held, if one is.
#[derive(Debug, Default)]
pub(super) struct Lease(Option<i64>);

impl Lease {
    /// Takes the lease, or keeps it; false while another relay has it.
    pub(super) async fn take<C: ConnectionTrait>(
        &mut self,
        conn: &C,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let until = now.plus(LASTS).as_micros();
        let alone = conn.get_database_backend() == DbBackend::Sqlite;
        let taken = sql::execute(
            conn,
            "UPDATE relay_lease SET epoch = epoch + 1, until_us = ?, owner = ? \
             WHERE name = 'relay' AND (until_us < ? OR epoch = ? OR (? = 1 AND owner <> ?))",
            [
                until.into(),
                PROCESS.as_str().into(),
                now.as_micros().into(),
                self.0.unwrap_or(-1).into(),
                i32::from(alone).into(),
                PROCESS.as_str().into(),
            ],
        )
        .await?;
        if taken == 0 {
            return self.first(conn, until).await;
        }
        let row = sql::one(conn, "SELECT epoch FROM relay_lease WHERE name = 'relay'", []).await?;
        self.0 = row.map(|row| row.try_get("", "epoch")).transpose()?;
        Ok(self.0.is_some())
    }

    /// The very first lease of a database has no row yet.
    async fn first<C: ConnectionTrait>(
        &mut self,
        conn: &C,
        until: i64,
    ) -> Result<bool, StoreError> {
        if sql::one(conn, "SELECT epoch FROM relay_lease WHERE name = 'relay'", []).await?.is_some()
        {
            return Ok(false);
        }
        let values: [Value; 2] = [until.into(), PROCESS.as_str().into()];
        let insert =
            "INSERT INTO relay_lease (name, epoch, until_us, owner) VALUES ('relay', 1, ?, ?)";
        match sql::execute(conn, insert, values).await {
            Ok(_) => {
                self.0 = Some(1);
                Ok(true)
            }
            Err(StoreError::UniqueViolation) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Keeps the lease for longer, unless it was lost.
    pub(super) async fn renew(
        &self,
        database: &Database,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.until(database.writer(), now.plus(LASTS).as_micros()).await
    }

    /// Lets the next relay at it.
    pub(super) async fn release<C: ConnectionTrait>(&mut self, conn: &C) -> Result<(), StoreError> {
        self.until(conn, 0).await
    }

    async fn until<C: ConnectionTrait>(&self, conn: &C, until: i64) -> Result<(), StoreError> {
        let Some(epoch) = self.0 else {
            return Ok(());
        };
        sql::execute(
            conn,
            "UPDATE relay_lease SET until_us = ? WHERE name = 'relay' AND epoch = ?",
            [until.into(), epoch.into()],
        )
        .await?;
        Ok(())
    }
}

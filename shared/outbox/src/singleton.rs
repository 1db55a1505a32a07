//! A lease for whatever runs once per installation: one row with a fencing epoch.
//!
//! A row, not `GET_LOCK`: a named lock dies with its pooled connection.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::LazyLock;
use std::time::Duration;

use kernel::Timestamp;
use sea_orm::ConnectionTrait;

use crate::{Database, StoreError, Tx, sql};

/// Duration of the lease: a holder that died keeps others waiting for no longer.
const LEASE: Duration = Duration::from_secs(6);
/// Name of this process, for whoever reads the table.
static OWNER: LazyLock<String> =
    LazyLock::new(|| format!("{}-{:016x}", std::process::id(), RandomState::new().hash_one(0)));

/// The lease of this name, and the epoch at which it is held.
#[derive(Debug)]
pub struct Singleton {
    name: &'static str,
    epoch: Option<i64>,
}

impl Singleton {
    /// Interval at which a holder renews its lease.
    pub const RENEW_INTERVAL: Duration = Duration::from_secs(2);

    /// The lease `name`, not held yet.
    pub const fn new(name: &'static str) -> Self {
        Self { name, epoch: None }
    }

    /// Acquires or keeps the lease; false while another process holds it.
    pub async fn acquire(
        &mut self,
        database: &Database,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (name, held) = (self.name, self.epoch);
        let until = now.plus(LEASE).as_micros();
        let acquired = database
            .run_plain("acquire_singleton", |tx| async move {
                let epoch = find_epoch(&tx, name).await?;
                let Some(epoch) = epoch else { return insert(&tx, name, until).await };
                let acquired = sql::execute(
                    tx.conn(),
                    "UPDATE singleton_lease SET epoch = epoch + 1, until_us = ?, owner = ? \
                     WHERE name = ? AND epoch = ? AND (until_us < ? OR epoch = ?)",
                    [
                        until.into(),
                        OWNER.as_str().into(),
                        name.into(),
                        epoch.into(),
                        now.as_micros().into(),
                        held.unwrap_or(-1).into(),
                    ],
                )
                .await?;
                Ok(if acquired > 0 { Some(epoch + 1) } else { tx.unchanged(None) })
            })
            .await?;
        if acquired.is_some() {
            self.epoch = acquired;
        }
        Ok(acquired.is_some())
    }

    /// Renews the lease, unless it was lost.
    pub async fn renew<C: ConnectionTrait>(
        &self,
        conn: &C,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.set_end(conn, now.plus(LEASE).as_micros()).await
    }

    /// Ends the lease, so that another process can acquire it.
    pub async fn release(&self, tx: &Tx) -> Result<(), StoreError> {
        self.set_end(tx.conn(), 0).await
    }

    async fn set_end<C: ConnectionTrait>(&self, conn: &C, until: i64) -> Result<(), StoreError> {
        let Some(epoch) = self.epoch else {
            return Ok(());
        };
        sql::execute(
            conn,
            "UPDATE singleton_lease SET until_us = ? WHERE name = ? AND epoch = ?",
            [until.into(), self.name.into(), epoch.into()],
        )
        .await?;
        Ok(())
    }
}

async fn find_epoch(tx: &Tx, name: &str) -> Result<Option<i64>, StoreError> {
    let select = "SELECT epoch FROM singleton_lease WHERE name = ?";
    sql::fetch_scalar(tx.conn(), select, [name.into()]).await
}

/// Inserts the row that a new database lacks; none if another process was faster.
async fn insert(tx: &Tx, name: &str, until: i64) -> Result<Option<i64>, StoreError> {
    let inserted = sql::execute(
        tx.conn(),
        "INSERT INTO singleton_lease (name, epoch, until_us, owner) VALUES (?, 1, ?, ?)",
        [name.into(), until.into(), OWNER.as_str().into()],
    )
    .await;
    match inserted {
        Ok(_) => Ok(Some(1)),
        Err(StoreError::UniqueViolation) => Ok(tx.unchanged(None)),
        Err(error) => Err(error),
    }
}

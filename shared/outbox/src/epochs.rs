//! Tells when a database, or the log, was restored from an older moment.
//!
//! A number, the epoch, rises at every start and every minute: first in the database, then in the log. So the log's is
//! never above the database's, unless the database is an older one; and it is hardly below, unless the log is. Either
//! way the service has missed messages, or others have missed its own. Then every service asks for everything again,
//! for which a second number, of restores, stands in the log.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use event_bus::{Bus, BusError};
use lifecycle::Stop;
use sea_orm::ConnectionTrait;
use tokio::time::{MissedTickBehavior, interval};

use crate::{Database, StoreError, Tx, replay_state, sql};

/// Interval at which the epoch rises.
const INTERVAL: Duration = Duration::from_mins(1);
/// Processes of one service may write to the log in another order than to the database.
const TOLERANCE: i64 = 10;
/// Name of the number of restores.
const RESTORES: &str = "restores";

/// What a service does beyond asking for everything again, when its database is an older one.
pub type Recover =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>> + Send + Sync>;

/// Keeps the epoch of one service.
pub struct EpochKeeper {
    database: Database,
    bus: Bus,
    service: &'static str,
    recover: Recover,
}

impl std::fmt::Debug for EpochKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EpochKeeper").field("service", &self.service).finish_non_exhaustive()
    }
}

/// The epoch could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// The log does not answer.
    #[error("the log does not answer")]
    Bus(#[from] BusError),
    /// The database does not answer.
    #[error("the database does not answer")]
    Store(#[from] StoreError),
}

impl EpochKeeper {
    /// A keeper for a service.
    pub fn new(database: Database, bus: Bus, service: &'static str, recover: Recover) -> Self {
        Self { database, bus, service, recover }
    }

    /// Compares and raises the epoch at once and then every minute, until stopped.
    pub async fn run(self, soft: Stop) -> Result<(), anyhow::Error> {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while soft.run_until_stopped(ticks.tick()).await.is_some() {
            if let Err(error) = self.advance().await {
                let error = anyhow::Error::from(error);
                tracing::debug!(error = format!("{error:#}"), "the epoch was not raised");
            }
        }
        Ok(())
    }

    /// Compares the epochs of database and log, recovers if one is an older one, and raises both.
    ///
    /// # Errors
    ///
    /// [`EpochError`] if one of them does not answer; then nothing is raised, and the next call compares again.
    pub async fn advance(&self) -> Result<(), EpochError> {
        let in_log = self.bus.epoch(self.service).await?;
        let in_database = load(self.database.readers(), self.service).await?;
        let is_older_database = in_log > in_database;
        let is_older_log = in_database > in_log + TOLERANCE;
        if is_older_database || is_older_log {
            let older = if is_older_database { "database" } else { "log" };
            tracing::warn!(
                service = self.service,
                older,
                in_database,
                in_log,
                "restored from an older moment: everything is asked for again"
            );
            (self.recover)().await?;
            self.bus.set_epoch(RESTORES, self.bus.epoch(RESTORES).await? + 1).await?;
        }
        let restores = self.bus.epoch(RESTORES).await?;
        let next = in_database.max(in_log) + 1;
        self.database
            .run_plain("advance_epoch", |tx: Tx| async move {
                if load(tx.conn(), RESTORES).await? != restores {
                    replay_state::forget(tx.conn()).await?;
                    save(tx.conn(), RESTORES, restores).await?;
                }
                save(tx.conn(), self.service, next).await
            })
            .await?;
        Ok(self.bus.set_epoch(self.service, next).await?)
    }
}

async fn load<C: ConnectionTrait>(conn: &C, name: &str) -> Result<i64, StoreError> {
    let select = "SELECT epoch FROM epoch WHERE name = ?";
    Ok(sql::fetch_scalar(conn, select, [name.into()]).await?.unwrap_or(0))
}

async fn save<C: ConnectionTrait>(conn: &C, name: &str, epoch: i64) -> Result<(), StoreError> {
    let values = [epoch.into(), name.into()];
    let update = "UPDATE epoch SET epoch = ? WHERE name = ?";
    if sql::execute(conn, update, values.clone()).await? == 0 && load(conn, name).await? != epoch {
        let insert = "INSERT INTO epoch (epoch, name) VALUES (?, ?)";
        sql::execute(conn, insert, values).await?;
    }
    Ok(())
}

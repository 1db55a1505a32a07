//! One database per service: one writer, several readers, migrated when opened.

use std::sync::Arc;

use event_bus::HandleError;
use kernel::{AthleteId, Clock, Ids, SystemClock, SystemIds};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};
use sea_orm_migration::MigrationTrait;
use tokio::sync::{Notify, Semaphore};

use crate::connect::Target;
use crate::connection_health::ConnectionHealth;
use crate::tx_connection::TxConnection;
use crate::write_check::WriteCheck;
use crate::{Signal, StoreError, StoreFaults, connect, migrate, migrations, raw_tx, sql};

/// A service's database.
#[derive(Clone, Debug)]
pub struct Database {
    writer: DatabaseConnection,
    readers: DatabaseConnection,
    outbox_signal: Arc<Notify>,
    jobs_signal: Arc<Signal>,
    health: ConnectionHealth,
    write_check: WriteCheck,
    faults: StoreFaults,
    gate: Arc<Semaphore>,
    bulk: bool,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Database {
    /// Opens the database, creates it if need be and applies every missing migration: the shared
    /// ones, then the service's.
    pub async fn open(
        target: &Target,
        migrations: Vec<Box<dyn MigrationTrait>>,
    ) -> Result<Self, StoreError> {
        Self::migrate(target, &all_migrations(migrations)).await?;
        Self::connect(target).await
    }

    /// Creates the database if need be and applies those of these migrations that are not applied yet.
    pub async fn migrate(
        target: &Target,
        migrations: &[Box<dyn MigrationTrait>],
    ) -> Result<(), StoreError> {
        migrate::up(target, migrations).await
    }

    /// Opens a database that is migrated elsewhere, and refuses one that lacks a migration.
    pub async fn open_migrated(
        target: &Target,
        migrations: Vec<Box<dyn MigrationTrait>>,
    ) -> Result<Self, StoreError> {
        let database = Self::connect(target).await?;
        let missing = database.missing_migrations(migrations).await?;
        if missing.is_empty() {
            return Ok(database);
        }
        Err(StoreError::inconsistent(format!(
            "the database lacks the migrations {}",
            missing.join(", ")
        )))
    }

    /// Returns the names of the migrations, the shared ones included, that are not applied yet.
    pub async fn missing_migrations(
        &self,
        migrations: Vec<Box<dyn MigrationTrait>>,
    ) -> Result<Vec<String>, StoreError> {
        migrate::missing(&self.writer, &all_migrations(migrations)).await
    }

    /// Opens a database as it is, without checking its tables.
    pub async fn connect(target: &Target) -> Result<Self, StoreError> {
        let health = ConnectionHealth::default();
        let (writer, readers) = match target {
            Target::Sqlite { file } => {
                (connect::sqlite_writer(file, &health).await?, connect::sqlite_readers(file))
            }
            Target::MySql { url, name } => {
                let options = connect::mysql_database(url, name).await?;
                (
                    connect::mysql_pool(options.clone(), &health),
                    connect::mysql_pool(options, &health),
                )
            }
        };
        Ok(Self {
            writer,
            readers,
            outbox_signal: Arc::default(),
            jobs_signal: Arc::default(),
            health,
            write_check: WriteCheck::default(),
            faults: StoreFaults::default(),
            gate: Arc::new(Semaphore::new(1)),
            bulk: false,
            clock: Arc::new(SystemClock::new()),
            ids: Arc::new(SystemIds),
        })
    }

    /// The same database with this clock and these ids, which events are stamped and named with.
    #[must_use]
    pub fn with(mut self, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        self.clock = clock;
        self.ids = ids;
        self
    }

    /// The same database with faults in its transactions, for tests.
    #[must_use]
    pub fn with_faults(mut self, faults: StoreFaults) -> Self {
        self.faults = faults;
        self
    }

    /// The same database for work in bulk: at most one such transaction waits for the writer at a
    /// time, so that live work passes in between.
    #[must_use]
    pub fn for_bulk(&self) -> Self {
        Self { bulk: true, ..self.clone() }
    }

    /// The engine.
    pub fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// Connections for reading outside transactions. HTTP handlers use nothing else to read.
    pub fn readers(&self) -> &DatabaseConnection {
        &self.readers
    }

    /// Connections for single statements that write, outside a transaction.
    pub fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The ids.
    pub fn ids(&self) -> &Arc<dyn Ids> {
        &self.ids
    }

    pub(crate) const fn health(&self) -> &ConnectionHealth {
        &self.health
    }

    pub(crate) const fn write_check(&self) -> &WriteCheck {
        &self.write_check
    }

    /// The athlete's version as last committed: 0 for one never seen. For `ETag`s; read it on the
    /// same connection and before what it is the version of.
    pub async fn version_of<C: ConnectionTrait>(
        &self,
        conn: &C,
        athlete: AthleteId,
    ) -> Result<i64, StoreError> {
        let version = sql::fetch_scalar(
            conn,
            "SELECT version FROM athlete WHERE id = ?",
            [athlete.to_string().into()],
        )
        .await?;
        Ok(version.unwrap_or(0))
    }

    /// Notified when outbox rows were committed.
    pub fn outbox_signal(&self) -> Arc<Notify> {
        Arc::clone(&self.outbox_signal)
    }

    /// Notified when a transaction that enqueued or released jobs was committed.
    pub fn jobs_signal(&self) -> &Arc<Signal> {
        &self.jobs_signal
    }

    /// Closes every connection; whoever waits for one gets [`StoreError::Unavailable`].
    pub async fn close(&self) -> Result<(), StoreError> {
        self.readers.close_by_ref().await?;
        self.writer.close_by_ref().await?;
        Ok(())
    }

    pub(crate) async fn begin(&self, name: &'static str) -> Result<TxConnection, StoreError> {
        // One bulk transaction at a time waits for the writer, so that a live one waits for at most one.
        let permit =
            if self.bulk { Arc::clone(&self.gate).acquire_owned().await.ok() } else { None };
        let begun = raw_tx::begin(&self.writer).await;
        match &begun {
            // No connection was to be had: nothing is wrong with those there are.
            Err(StoreError::Unavailable(DbErr::ConnectionAcquire(_))) => {
                self.health.report_unavailable();
            }
            Ok(_) | Err(StoreError::Conflict(_)) => {}
            Err(_) => self.health.report_failure(),
        }
        Ok(TxConnection::new(begun?, self.health.clone(), self.faults.begin(name), permit))
    }
}

/// The error of a port that is tried again later.
pub(crate) fn unavailable(error: StoreError) -> anyhow::Error {
    match HandleError::from(error) {
        HandleError::Unavailable(error)
        | HandleError::Failed(error)
        | HandleError::Rejected(error) => error,
    }
}

fn all_migrations(own: Vec<Box<dyn MigrationTrait>>) -> Vec<Box<dyn MigrationTrait>> {
    let mut all = migrations::shared();
    all.extend(own);
    all
}

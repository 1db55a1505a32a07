//! The only place that knows the database: facts, daily totals, connections, and which incarnation this is.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::NaiveDate;
use kernel::{Clock, Ids};
use outbox::{Database, StoreError, Target};

pub(crate) mod connections;
mod entities;
pub(crate) mod facts;
pub(crate) mod incarnation;
pub(crate) mod migrations;
pub(crate) mod standing;
pub(crate) mod totals;

/// The service's database, which may be exchanged for a fresh one while the service runs.
#[derive(Debug)]
pub(crate) struct Store {
    target: Target,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    current: RwLock<Current>,
}

#[derive(Clone, Debug)]
struct Current {
    database: Database,
    incarnation: Arc<str>,
}

impl Store {
    /// Opens the database, migrates it if told to, and gives it an incarnation if it has none.
    pub(crate) async fn open(
        target: Target,
        migrate: bool,
        (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>),
    ) -> Result<Self, StoreError> {
        let database = if migrate {
            Database::open(&target, migrations::all()).await?
        } else {
            Database::open_migrated(&target, migrations::all()).await?
        }
        .with(Arc::clone(&clock), Arc::clone(&ids));
        let incarnation = begin(&database).await?;
        Ok(Self { target, clock, ids, current: RwLock::new(Current { database, incarnation }) })
    }

    /// The database as it is now. Ask for each piece of work: it may be exchanged.
    pub(crate) fn database(&self) -> Database {
        self.read().database
    }

    /// The name of this life of the database.
    pub(crate) fn incarnation(&self) -> Arc<str> {
        self.read().incarnation
    }

    /// Takes note of which incarnation the rows say this is, beginning one if there is no row.
    pub(crate) async fn begin_again(&self) -> Result<(), StoreError> {
        let incarnation = begin(&self.database()).await?;
        self.current.write().unwrap_or_else(PoisonError::into_inner).incarnation = incarnation;
        Ok(())
    }

    /// Makes the database anew where it was, tables and all, and takes it in place of the lost one.
    pub(crate) async fn reopen(&self) -> Result<(), StoreError> {
        // Whoever dropped tables may have left the record that they were made. What is still there
        // is made only if it is not there, and where the record is gone too, there is nothing to forget.
        if let Err(error) =
            outbox::sql::execute(self.database().writer(), "DELETE FROM applied_migration", [])
                .await
        {
            tracing::debug!(%error, "no record of migrations to forget");
        }
        let database = Database::open(&self.target, migrations::all())
            .await?
            .with(Arc::clone(&self.clock), Arc::clone(&self.ids));
        let incarnation = begin(&database).await?;
        let fresh = Current { database, incarnation };
        let lost = std::mem::replace(
            &mut *self.current.write().unwrap_or_else(PoisonError::into_inner),
            fresh,
        );
        lost.database.close().await
    }

    /// The file this database lives in, if it is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        match &self.target {
            Target::Sqlite { file } => Some(file.clone()),
            Target::MySql { .. } => None,
        }
    }

    fn read(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn begin(database: &Database) -> Result<Arc<str>, StoreError> {
    if let Some(name) = incarnation::read(database.readers()).await? {
        return Ok(name.into());
    }
    let now = database.clock().now();
    incarnation::begin(database.writer(), database.ids().uuid_v7(now), now).await?;
    incarnation::read(database.readers())
        .await?
        .map(Into::into)
        .ok_or_else(|| StoreError::inconsistent("the database kept no incarnation"))
}

fn local_date(text: &str) -> Result<NaiveDate, StoreError> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .ok_or_else(|| StoreError::inconsistent(format!("the stored day {text:?} is none")))
}

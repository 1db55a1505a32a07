//! The connection of a transaction: it refuses every statement after one that failed.

use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, Statement,
};
use tokio::sync::OwnedSemaphorePermit;

use crate::StoreError;
use crate::connection_health::ConnectionHealth;
use crate::error::Failure;
use crate::faults::TxFault;

/// A database transaction. After any failed statement but a unique violation it refuses all further
/// statements and its commit: SQLite may have rolled back by itself, and the next statement would
/// commit alone.
#[derive(Debug)]
pub struct TxConnection {
    tx: DatabaseTransaction,
    failed: AtomicBool,
    health: ConnectionHealth,
    fault: Option<TxFault>,
    _bulk_permit: Option<OwnedSemaphorePermit>,
}

impl TxConnection {
    pub(crate) fn new(
        tx: DatabaseTransaction,
        health: ConnectionHealth,
        fault: Option<TxFault>,
        bulk_permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self { tx, failed: AtomicBool::new(false), health, fault, _bulk_permit: bulk_permit }
    }

    /// Commits.
    ///
    /// # Errors
    ///
    /// [`StoreError::CommitUnknown`] if the commit itself fails: it may have happened.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.check()?;
        let Self { tx, health, fault, _bulk_permit, .. } = self;
        commit(tx, fault).await.map_err(|error| {
            health.report_failure();
            StoreError::CommitUnknown(error)
        })?;
        health.report_commit();
        Ok(())
    }

    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        let Self { tx, health, _bulk_permit, .. } = self;
        tx.rollback().await.map_err(|error| {
            health.report_failure();
            error.into()
        })
    }

    /// Executes a statement, unless an earlier one failed.
    async fn guard<T>(
        &self,
        execute: impl Future<Output = Result<T, DbErr>> + Send,
    ) -> Result<T, DbErr> {
        self.check()?;
        let Some(fault) = &self.fault else { return self.watch(execute.await) };
        let faulty = async {
            fault.before(&self.tx).await?;
            let outcome = execute.await?;
            fault.after(&self.tx).await?;
            Ok(outcome)
        };
        self.watch(faulty.await)
    }

    fn check(&self) -> Result<(), DbErr> {
        if self.failed.load(Ordering::Acquire) {
            return Err(DbErr::Custom("an earlier statement of the transaction failed".to_owned()));
        }
        Ok(())
    }

    fn watch<T>(&self, outcome: Result<T, DbErr>) -> Result<T, DbErr> {
        if let Err(error) = &outcome {
            match Failure::classify(error) {
                Failure::UniqueViolation => {}
                Failure::Conflict => self.failed.store(true, Ordering::Release),
                Failure::Unavailable | Failure::Other => {
                    self.failed.store(true, Ordering::Release);
                    self.health.report_failure();
                }
            }
        }
        outcome
    }
}

async fn commit(tx: DatabaseTransaction, fault: Option<TxFault>) -> Result<(), DbErr> {
    let Some(fault) = fault else { return tx.commit().await };
    fault.before_commit(&tx).await?;
    tx.commit().await?;
    fault.after_commit()
}

#[async_trait::async_trait]
impl ConnectionTrait for TxConnection {
    fn get_database_backend(&self) -> DbBackend {
        self.tx.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.guard(self.tx.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.guard(self.tx.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.guard(self.tx.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.guard(self.tx.query_all_raw(statement)).await
    }
}

//! The one place where a database transaction begins.

use std::sync::Arc;

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::StoreError;

/// A database transaction, and the permit of bulk work.
#[derive(Debug)]
pub(crate) struct RawTx {
    pub(crate) tx: DatabaseTransaction,
    _bulk_permit: Option<OwnedSemaphorePermit>,
}

/// Opens a write transaction: BEGIN IMMEDIATE on SQLite, READ COMMITTED (the session's) on MySQL.
///
/// `gate` lets one bulk transaction at a time wait for the writer, so that a live one waits for at
/// most one of them.
pub(crate) async fn begin(
    conn: &DatabaseConnection,
    gate: Option<Arc<Semaphore>>,
) -> Result<RawTx, StoreError> {
    let bulk_permit = match gate {
        Some(gate) => gate.acquire_owned().await.ok(),
        None => None,
    };
    let mode = match conn.get_database_backend() {
        DbBackend::Sqlite => Some(SqliteTransactionMode::Immediate),
        _ => None,
    };
    let options =
        TransactionOptions { sqlite_transaction_mode: mode, ..TransactionOptions::default() };
    #[expect(clippy::disallowed_methods, reason = "this is the place where transactions begin")]
    let tx = conn.begin_with_options(options).await?;
    Ok(RawTx { tx, _bulk_permit: bulk_permit })
}

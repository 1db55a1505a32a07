//! The one place where a database transaction begins.

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};

use crate::StoreError;

/// Opens a write transaction: BEGIN IMMEDIATE on SQLite, READ COMMITTED (the session's) on MySQL.
pub(crate) async fn begin(conn: &DatabaseConnection) -> Result<DatabaseTransaction, StoreError> {
    let mode = match conn.get_database_backend() {
        DbBackend::Sqlite => Some(SqliteTransactionMode::Immediate),
        _ => None,
    };
    let options =
        TransactionOptions { sqlite_transaction_mode: mode, ..TransactionOptions::default() };
    #[expect(clippy::disallowed_methods, reason = "this is the place where transactions begin")]
    let tx = conn.begin_with_options(options).await?;
    Ok(tx)
}

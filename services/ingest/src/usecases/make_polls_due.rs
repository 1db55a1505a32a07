//! Makes a look at every athlete's list due, after a restore: what happened since the backup is only at Strava.

use outbox::{Database, StoreError, Tx};

use crate::store::connections;

/// Makes the poll of the newest page, and the reconciliation from there on, due for every connection.
///
/// # Errors
///
/// [`StoreError`] if the database cannot be written.
pub async fn make_polls_due(database: &Database) -> Result<(), StoreError> {
    let reset = |tx: Tx| async move { connections::forget_polls(tx.conn()).await };
    database.run_plain("make_polls_due", reset).await
}

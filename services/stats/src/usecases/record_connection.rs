//! Records the state of a connection: the numbers of a lost one are no longer published.

use contracts::Origin;
use outbox::StoreError;

use super::ServiceContext;
use crate::domain::connection::Connection;
use crate::store::connections;

/// Records the state of a connection, unless the recorded one is as new or newer.
pub(crate) async fn record_connection(
    ctx: &ServiceContext,
    connection: &Connection,
) -> Result<(), StoreError> {
    let Connection { athlete, application, generation, .. } = *connection;
    let recorded = ctx
        .database
        .run("record_connection", athlete, |tx| async move {
            let fenced = tx.is_fenced(&[Origin { application, generation }]);
            if fenced || !connections::upsert(tx.conn(), connection).await? {
                return Ok(tx.unchanged(false));
            }
            // No new version: the athlete's numbers are what they were.
            Ok::<_, StoreError>(true)
        })
        .await?;
    if recorded {
        ctx.count_change(athlete);
    }
    Ok(())
}

//! A changed connection of an athlete: copies that wait for it may go on.

use kernel::AthleteId;
use outbox::StoreError;

use super::{ServiceContext, copy_records};
use crate::domain::connection::{Connection, select_for_upload};
use crate::store::{connections, copies};

/// Stores the connection unless a newer revision is known, and wakes the athlete's open copies if it
/// can be uploaded through.
pub(crate) async fn apply_connection(
    ctx: &ServiceContext,
    athlete: AthleteId,
    connection: &Connection,
    revision: i64,
) -> Result<(), StoreError> {
    ctx.database
        .run("apply_connection", athlete, |tx| async move {
            if tx.is_fenced(&[connection.origin()])
                || !connections::store_if_newer(tx.conn(), athlete, connection, revision).await?
            {
                return tx.unchanged(Ok(()));
            }
            if select_for_upload(std::slice::from_ref(connection)).is_ok() {
                for copy in copies::list_open(tx.conn(), athlete).await? {
                    copy_records::enqueue_job(ctx, &tx, &copy).await?;
                }
            }
            Ok(())
        })
        .await
}

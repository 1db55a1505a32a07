//! Records that a service has written its part.

use kernel::AthleteId;
use outbox::{AthleteTx, StoreError};
use uuid::Uuid;

use crate::domain::export::{Export, ExportPart, ExportState};
use crate::store;
use crate::usecases::{ServiceContext, job};

/// Records the part and wakes the export. A part that comes after the export ended is deleted with its objects.
pub(crate) async fn record_part(
    ctx: &ServiceContext,
    athlete: AthleteId,
    export: Uuid,
    part: &ExportPart,
) -> Result<(), StoreError> {
    let record = |tx: AthleteTx| async move {
        let now = ctx.now();
        match store::exports::find(tx.conn(), athlete).await? {
            Some(stored) if stored.id == export && stored.state == ExportState::Ready => {
                tx.unchanged(());
                Ok(())
            }
            Some(mut stored) if stored.id == export && stored.state == ExportState::Collecting => {
                stored.set_part(part.clone());
                store::exports::save(tx.conn(), &stored).await?;
                ctx.queue.enqueue(&tx, &job::export_request(&stored, now)).await
            }
            _ => {
                let ended = Export::new(athlete, export, now, Vec::new());
                ctx.queue.enqueue(&tx, &job::delete_export_request(&ended, now)).await
            }
        }
    };
    ctx.database.run("record_export_part", athlete, record).await
}

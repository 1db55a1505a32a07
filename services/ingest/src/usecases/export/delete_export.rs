//! Deletes exports: when the athlete says so, when their time is over, and when something they hold was erased.

use jobs::{ClaimedJob, JobOutcome};
use kernel::AthleteId;
use outbox::{AthleteTx, StoreError};
use takeout::export_prefix;

use crate::domain::export::ExportState;
use crate::store;
use crate::usecases::delete_objects::delete_objects;
use crate::usecases::job::ExportJob;
use crate::usecases::{ServiceContext, job};

/// Ends the athlete's export, whatever its state; its objects are deleted by a job. False if there is none.
pub(crate) async fn delete_own_export(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<bool, StoreError> {
    let delete = |tx: AthleteTx| async move {
        let stored = store::exports::find(tx.conn(), athlete).await?;
        let Some(mut export) = stored.filter(|it| it.state != ExportState::Deleted) else {
            return Ok(tx.unchanged(false));
        };
        export.end(ExportState::Deleted, "asked");
        store::exports::save(tx.conn(), &export).await?;
        ctx.queue.enqueue(&tx, &job::delete_export_request(&export, ctx.now())).await?;
        Ok(true)
    };
    ctx.database.run("delete_export", athlete, delete).await
}

/// The job: deletes the objects, and ends the export if its time is over.
pub(crate) async fn run_delete(
    ctx: &ServiceContext,
    job: &ClaimedJob,
) -> Result<JobOutcome, anyhow::Error> {
    let ExportJob { athlete, id } = serde_json::from_value(job.payload.clone())?;
    delete_objects(ctx, &export_prefix(athlete, id), |_| true).await?;
    let expire = |tx: AthleteTx| async move {
        let stored = store::exports::find(tx.conn(), athlete).await?;
        let is_ready = |state| state == ExportState::Ready;
        let Some(mut export) = stored.filter(|it| it.id == id && is_ready(it.state)) else {
            tx.unchanged(());
            return Ok(());
        };
        export.end(ExportState::Deleted, "expired");
        store::exports::save(tx.conn(), &export).await
    };
    ctx.database.run("expire_export", athlete, expire).await?;
    Ok(JobOutcome::Done)
}

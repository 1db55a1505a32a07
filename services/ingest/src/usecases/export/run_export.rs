//! The job of an export: writes ingest's own part, asks again for those that are missing, and joins them.

use std::time::Duration;

use jobs::{ClaimedJob, JobOutcome};
use outbox::{AthleteTx, StoreError};
use takeout::{Part, TakeoutData, export_prefix};

use super::join_parts::{Joined, join_parts};
use super::request_message::request_message;
use crate::domain::export::{Export, ExportPart, ExportState, PartFile};
use crate::store;
use crate::takeout::IngestTakeout;
use crate::usecases::delete_objects::delete_objects;
use crate::usecases::job::ExportJob;
use crate::usecases::{ServiceContext, job};

/// Time after which a part that is missing is asked for again.
const RETRY_INTERVAL: Duration = Duration::from_mins(5);

/// Runs the job.
pub(crate) async fn run_export(
    ctx: &ServiceContext,
    job: &ClaimedJob,
) -> Result<JobOutcome, anyhow::Error> {
    let ExportJob { athlete, id } = serde_json::from_value(job.payload.clone())?;
    let stored = store::exports::find(ctx.database.readers(), athlete).await?;
    let Some(mut export) = stored.filter(|export| export.id == id && !export.is_ended()) else {
        delete_objects(ctx, &export_prefix(athlete, id), |_| true).await?;
        return Ok(JobOutcome::Done);
    };
    if export.state == ExportState::Ready {
        return Ok(JobOutcome::Done);
    }
    let services = &ctx.settings.services;
    if export.is_overdue(ctx.now()) {
        fail(ctx, job, &export).await?;
        return Ok(JobOutcome::Settled);
    }
    if export.waiting_for(services).contains(&IngestTakeout::SERVICE) {
        export.set_part(write_own_part(ctx, &export).await?);
    }
    let missing = export.waiting_for(services);
    if missing.is_empty() {
        let joined = Box::pin(join_parts(ctx, &export)).await?;
        return Ok(finish(ctx, job, &export, joined).await?);
    }
    let due = ctx.now().plus(RETRY_INTERVAL);
    let reason = format!("waits for {}", missing.join(", "));
    request_missing_parts(ctx, job, export).await?;
    Ok(JobOutcome::Later { due, reason, counts: false })
}

async fn write_own_part(
    ctx: &ServiceContext,
    export: &Export,
) -> Result<ExportPart, anyhow::Error> {
    let data = IngestTakeout::new(ctx);
    let prefix = export_prefix(export.athlete, export.id);
    let mut part = Part::new(&ctx.objects, &prefix, IngestTakeout::SERVICE);
    data.write_part(export.athlete, &mut part).await?;
    let files = part.into_files().into_iter().map(PartFile::from).collect();
    Ok(ExportPart { service: IngestTakeout::SERVICE.to_owned(), files })
}

/// Stores ingest's own part; once that was stored, the others are asked again.
async fn request_missing_parts(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    export: Export,
) -> Result<(), StoreError> {
    let export = &export;
    let ask = |tx: AthleteTx| async move {
        let Some(mut stored) = lock_collecting(ctx, &tx, job, export).await? else {
            tx.unchanged(());
            return Ok(());
        };
        let own = export.parts.iter().find(|part| part.service == IngestTakeout::SERVICE);
        let is_new = stored.waiting_for(&ctx.settings.services).contains(&IngestTakeout::SERVICE);
        match own.filter(|_| is_new) {
            Some(own) => {
                stored.set_part(own.clone());
                store::exports::save(tx.conn(), &stored).await
            }
            None => tx.publish(request_message(&stored)).await.map(drop),
        }
    };
    ctx.database.run("request_missing_parts", export.athlete, ask).await
}

/// Makes the export ready. One that ended meanwhile is looked at once more, which deletes what was joined.
async fn finish(
    ctx: &ServiceContext,
    job: &ClaimedJob,
    export: &Export,
    joined: Joined,
) -> Result<JobOutcome, StoreError> {
    let joined = &joined;
    let finish = |tx: AthleteTx| async move {
        let Some(mut stored) = lock_collecting(ctx, &tx, job, export).await? else {
            return Ok(tx.unchanged(false));
        };
        let now = ctx.now();
        stored.parts.clone_from(&export.parts);
        (stored.state, stored.ready_at) = (ExportState::Ready, Some(now));
        (stored.bytes, stored.sha256) = (joined.bytes, joined.sha256.clone());
        store::exports::save(tx.conn(), &stored).await?;
        let due = stored.expires_at().unwrap_or(now);
        ctx.queue.enqueue(&tx, &job::delete_export_request(&stored, due)).await?;
        ctx.queue.close(&tx, job).await?;
        Ok::<_, StoreError>(true)
    };
    if !ctx.database.run("finish_export", export.athlete, finish).await? {
        let reason = "ended while it was joined".to_owned();
        return Ok(JobOutcome::Later { due: ctx.now(), reason, counts: false });
    }
    let (athlete, bytes) = (export.athlete, joined.bytes);
    tracing::info!(%athlete, bytes, "export ready");
    Ok(JobOutcome::Settled)
}

async fn fail(ctx: &ServiceContext, job: &ClaimedJob, export: &Export) -> Result<(), StoreError> {
    let missing = export.waiting_for(&ctx.settings.services).join(", ");
    let reason = if missing.is_empty() { "not-joined" } else { "service-missing" };
    tracing::error!(athlete = %export.athlete, reason, missing, "export given up");
    let fail = |tx: AthleteTx| async move {
        let Some(mut stored) = lock_collecting(ctx, &tx, job, export).await? else {
            tx.unchanged(());
            return Ok(());
        };
        stored.end(ExportState::Failed, reason);
        store::exports::save(tx.conn(), &stored).await?;
        ctx.queue.enqueue(&tx, &job::delete_export_request(&stored, ctx.now())).await?;
        ctx.queue.close(&tx, job).await.map(drop)
    };
    ctx.database.run("fail_export", export.athlete, fail).await
}

/// The stored export, if this one still collects and the job is still ours.
async fn lock_collecting(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    job: &ClaimedJob,
    export: &Export,
) -> Result<Option<Export>, StoreError> {
    if !ctx.queue.lock_claimed(tx, job).await? {
        return Ok(None);
    }
    let stored = store::exports::find(tx.conn(), export.athlete).await?;
    Ok(stored.filter(|stored| stored.id == export.id && stored.state == ExportState::Collecting))
}

//! Begins an export, unless one is under way.

use kernel::{AthleteId, Timestamp};
use outbox::{AthleteTx, IsConflict, StoreError};

use super::request_message::request_message;
use crate::domain::connection::Connection;
use crate::domain::export::{Export, ExportState};
use crate::store;
use crate::usecases::{ServiceContext, job};

/// Reason for which no export begins.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestExportError {
    #[error("an export has just become ready; the next is possible from {0:?} on")]
    TooSoon(Timestamp),
    #[error("the account is gone")]
    Gone,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IsConflict for RequestExportError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

/// Begins an export and asks every service for its part. Returns the one that is under way, if there is one.
pub(crate) async fn request_export(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<Export, RequestExportError> {
    ctx.database
        .run("request_export", athlete, |tx| async move { try_request(ctx, &tx).await })
        .await
}

async fn try_request(ctx: &ServiceContext, tx: &AthleteTx) -> Result<Export, RequestExportError> {
    let (athlete, now) = (tx.athlete(), ctx.now());
    if tx.is_gone() {
        return Err(RequestExportError::Gone);
    }
    if let Some(former) = store::exports::find(tx.conn(), athlete).await? {
        if former.state == ExportState::Collecting {
            return Ok(tx.unchanged(former));
        }
        if let Some(next) = former.next_allowed_at(now) {
            return Err(RequestExportError::TooSoon(next));
        }
        ctx.queue.enqueue(tx, &job::delete_export_request(&former, now)).await?;
    }
    let connections = store::connections::list_for_athlete(tx.conn(), athlete).await?;
    let origins = connections.iter().map(Connection::origin);
    // What was erased is not in it any more.
    let origins = origins.filter(|origin| !tx.is_fenced(&[*origin])).collect();
    let export = Export::new(athlete, ctx.ids.uuid_v7(now), now, origins);
    store::exports::save(tx.conn(), &export).await?;
    tx.publish(request_message(&export)).await?;
    ctx.queue.enqueue(tx, &job::export_request(&export, now)).await?;
    Ok(export)
}

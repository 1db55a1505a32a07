//! Writes erasures into the ledger, and requests again what a restored database does not know of.

use std::path::{Path, PathBuf};

use contracts::Erasure;
use kernel::AthleteId;
use outbox::{AthleteTx, StoreError};

use super::ServiceContext;
use super::connection::publish_change;
use super::erasures::{answer_own, request_erasure};
use crate::clients::erasure_ledger::{self, LedgerEntry};
use crate::domain::connection::{ConnectionState, StateReason};
use crate::domain::erasure::ErasureReason;
use crate::store::{connections, erasures};

/// Appends to the ledger every erasure that is not in it; returns their number. Erasures are never deleted: without more
/// than `written` there is nothing to do.
pub(crate) async fn write_ledger(ctx: &ServiceContext, written: i64) -> Result<i64, anyhow::Error> {
    let Some(path) = ctx.settings.erasure_ledger.clone() else { return Ok(written) };
    if erasures::count(ctx.database.readers()).await? == written {
        return Ok(written);
    }
    let all = erasures::list_all(ctx.database.readers()).await?;
    let entries: Vec<LedgerEntry> = all
        .iter()
        .map(|requested| {
            let (application, through_generation) = requested.scope();
            LedgerEntry {
                athlete: requested.athlete.to_string(),
                application,
                through_generation,
                reason: requested.reason.code().to_owned(),
                requested_at: requested.requested_at.to_rfc3339(),
            }
        })
        .collect();
    let count = i64::try_from(entries.len())?;
    tokio::task::spawn_blocking(move || erasure_ledger::append_missing(&path, &entries)).await??;
    Ok(count)
}

/// Requests again every erasure of the ledger that this database does not know or that is not complete here; returns their
/// number. Connections that they cover end without a revoke: their tokens ended with the first erasure.
pub(crate) async fn replay_ledger(
    ctx: &ServiceContext,
    path: &Path,
) -> Result<usize, anyhow::Error> {
    let path: PathBuf = path.to_owned();
    let ledger = tokio::task::spawn_blocking(move || erasure_ledger::read(&path)).await??;
    if ledger.unreadable > 0 {
        let lines = ledger.unreadable;
        tracing::warn!(
            lines,
            "lines of the ledger cannot be read: their erasures are not done again"
        );
    }
    let mut requested = 0;
    for entry in ledger.entries {
        let athlete: AthleteId = entry.athlete.parse()?;
        let erasure = Erasure::from_scope(entry.application, entry.through_generation);
        let reason = ErasureReason::parse(&entry.reason).unwrap_or(ErasureReason::Repeated);
        let erase = |tx: AthleteTx| async move { erase_again(ctx, &tx, erasure, reason).await };
        requested += usize::from(ctx.database.run("replay_ledger", athlete, erase).await?);
    }
    Ok(requested)
}

async fn erase_again(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    erasure: Erasure,
    reason: ErasureReason,
) -> Result<bool, StoreError> {
    let known = erasures::list_by_athlete(tx.conn(), tx.athlete()).await?;
    if known.iter().any(|known| known.erasure == erasure && known.completed_at.is_some()) {
        return Ok(tx.unchanged(false));
    }
    for mut connection in connections::list_locked(tx.conn(), tx.athlete()).await? {
        let is_erased = erasure.includes(connection.erasure());
        if !is_erased || connection.state == ConnectionState::Disconnected {
            continue;
        }
        connection.revoke_pending = false;
        connection.end(ConnectionState::Disconnected, StateReason::Withdrawn);
        publish_change(ctx, tx, &mut connection).await?;
        connections::update(tx.conn(), &connection).await?;
    }
    request_erasure(ctx, tx, erasure, reason).await?;
    answer_own(ctx, tx).await?;
    Ok(true)
}

/// Counts the erasures that some service has not answered at all.
pub(crate) async fn count_unanswered(ctx: &ServiceContext) -> Result<usize, StoreError> {
    let readers = ctx.database.readers();
    let mut unanswered = 0;
    for requested in erasures::list_all(readers).await? {
        if requested.completed_at.is_some() {
            continue;
        }
        let answers = erasures::list_answers(readers, &requested).await?;
        let has_answered =
            |service: &String| answers.iter().any(|answer| answer.service == *service);
        if !ctx.settings.erasure_services.iter().all(has_answered) {
            unanswered += 1;
        }
    }
    Ok(unanswered)
}

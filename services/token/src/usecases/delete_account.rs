//! Deletes an athlete: every connection ends with its revoke, and every service erases everything.

use contracts::Erasure;
use kernel::AthleteId;
use outbox::{AthleteTx, StoreError};

use super::ServiceContext;
use super::connection::{begin_revoke, publish_change};
use super::erasures::{answer_own, request_erasure};
use crate::domain::connection::{ConnectionState, StateReason};
use crate::domain::erasure::ErasureReason;
use crate::store::connections;

/// Deletes the athlete; once, however often it is asked for.
pub(crate) async fn delete_account(
    ctx: &ServiceContext,
    athlete: AthleteId,
    reason: ErasureReason,
) -> Result<(), StoreError> {
    let delete = |tx: AthleteTx| async move {
        if tx.is_gone() {
            return tx.unchanged(Ok(false));
        }
        for mut connection in connections::list_locked(tx.conn(), athlete).await? {
            if connection.state == ConnectionState::Disconnected {
                continue;
            }
            begin_revoke(ctx, &mut connection);
            connection.end(ConnectionState::Disconnected, StateReason::Asked);
            publish_change(ctx, &tx, &mut connection).await?;
            connections::update(tx.conn(), &connection).await?;
        }
        request_erasure(ctx, &tx, Erasure::Everything, reason).await?;
        answer_own(ctx, &tx).await?;
        Ok(true)
    };
    let deleted: Result<bool, StoreError> =
        ctx.database.run("delete_account", athlete, delete).await;
    // Also if the answer to the commit is lost: the revokes may be due.
    ctx.wake_workers();
    if deleted? {
        tracing::info!(%athlete, reason = reason.code(), "an athlete is deleted");
    }
    Ok(())
}

//! Removes an account: its sessions end, and token has everything of the athlete erased.

use contracts::Erasure;
use erasure::ErasedCount;
use kernel::AthleteId;
use outbox::{AthleteTx, IsConflict, StoreError, Tx};

use super::revoke_sessions::{publish_removed, revoke_sessions};
use crate::domain::account::Email;
use crate::store::accounts;
use crate::usecases::ServiceContext;

/// Reason for an account that was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveUserError {
    /// Without an administrator nobody could add one.
    #[error("this is the last administrator: add another one first")]
    LastAdmin,
    /// The account could not be removed.
    #[error("the account could not be removed")]
    Store(#[from] StoreError),
}

impl IsConflict for RemoveUserError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}

/// Removes the account of this address. False if there was none.
pub(crate) async fn remove_user(
    ctx: &ServiceContext,
    email: &Email,
) -> Result<bool, RemoveUserError> {
    let now = ctx.now();
    let remove = |tx: Tx| async move {
        // Locked, so that of two administrators who remove each other one stays.
        let admins = accounts::lock_admins(&tx).await?;
        if admins.len() == 1 && admins[0] == email.as_str() {
            return tx.unchanged(Err(RemoveUserError::LastAdmin));
        }
        let Some(stored) = accounts::find(tx.conn(), email).await? else {
            return Ok(tx.unchanged(None));
        };
        let athlete = stored.account.athlete;
        accounts::delete_by_athlete(tx.conn(), athlete).await?;
        revoke_sessions(&tx, athlete, now).await?;
        publish_removed(&tx, athlete).await?;
        Ok(Some(athlete))
    };
    let removed = ctx.database.run_plain("remove_account", remove).await?;
    if let Some(athlete) = removed {
        tracing::info!(%athlete, "an account was removed");
    }
    Ok(removed.is_some())
}

/// Removes the account of an athlete who is gone, ends their sessions, and answers the erasure.
pub(crate) async fn remove_athlete(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    let now = ctx.now();
    let remove = |tx: AthleteTx| async move {
        tx.raise_fence(Erasure::Everything).await?;
        let removed = accounts::delete_by_athlete(tx.conn(), athlete).await?;
        if removed {
            revoke_sessions(&tx, athlete, now).await?;
        }
        publish_answer(ctx, &tx, Erasure::Everything, u64::from(removed)).await
    };
    ctx.database.run("remove_athlete", athlete, remove).await
}

/// Answers the erasure of a connection, of which nothing is stored here.
pub(crate) async fn answer_erasure(
    ctx: &ServiceContext,
    athlete: AthleteId,
    erasure: Erasure,
) -> Result<(), StoreError> {
    let answer = |tx: AthleteTx| async move { publish_answer(ctx, &tx, erasure, 0).await };
    ctx.database.run("answer_erasure", athlete, answer).await
}

async fn publish_answer(
    ctx: &ServiceContext,
    tx: &AthleteTx,
    erasure: Erasure,
    rows: u64,
) -> Result<(), StoreError> {
    let count = ErasedCount { at: ctx.now(), rows, objects: 0, is_final: true };
    tx.publish(erasure::answer(crate::settings::NAME, tx.athlete(), erasure, count)).await?;
    Ok(())
}

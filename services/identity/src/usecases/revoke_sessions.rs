//! Ends every session of an athlete, here at once and elsewhere as soon as it is heard of.

use contracts::accounts::{
    AccountChanged, AccountRemoved, SessionsRevoked, account_changed::Change,
};
use contracts::{Cause, Topic};
use kernel::{AthleteId, Timestamp};
use outbox::{OutboxMessage, StoreError, Tx, revoked_sessions};

use super::ServiceContext;

/// Signs the athlete out everywhere.
pub(crate) async fn sign_out_everywhere(
    ctx: &ServiceContext,
    athlete: AthleteId,
) -> Result<(), StoreError> {
    let now = ctx.now();
    let revoke = |tx: Tx| async move { revoke_sessions(&tx, athlete, now).await };
    ctx.database.run_plain("sign_out_everywhere", revoke).await
}

/// Refuses the athlete's tokens of until now, and publishes that. Tokens name whole seconds: those of this second are
/// refused too, and a later session names the next one.
pub(super) async fn revoke_sessions(
    tx: &Tx,
    athlete: AthleteId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let not_before = Timestamp::from_secs(now.as_secs() + 1);
    revoked_sessions::revoke_before(tx, athlete, not_before).await?;
    let revoked = SessionsRevoked { not_before_us: not_before.as_micros() };
    tx.publish(account_message(athlete, Change::SessionsRevoked(revoked))).await?;
    Ok(())
}

/// Publishes that an account was removed.
pub(super) async fn publish_removed(tx: &Tx, athlete: AthleteId) -> Result<(), StoreError> {
    tx.publish(account_message(athlete, Change::Removed(AccountRemoved {}))).await?;
    Ok(())
}

fn account_message(athlete: AthleteId, change: Change) -> OutboxMessage<AccountChanged> {
    OutboxMessage {
        topic: Topic::Accounts,
        athlete: Some(athlete),
        origins: Vec::new(),
        cause: Cause::Operator,
        replay: false,
        body: AccountChanged { change: Some(change) },
    }
}

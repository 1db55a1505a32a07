//! Requests polls, reconciliations and backfills that are due, and deletes old journal entries.

use std::time::Duration;

use jobs::priority;
use outbox::StoreError;

use super::{ServiceContext, job};
use crate::domain::backfill::BackfillState;
use crate::store;

/// Interval of reconciliations, and of retries of failed backfills.
const RECONCILE_INTERVAL: Duration = Duration::from_hours(24);

/// Requests a poll of every connection that was not polled for the interval, and once a day the reconciliation of
/// another page. Returns the number of connections.
pub(crate) async fn sweep(ctx: &ServiceContext) -> Result<usize, StoreError> {
    let now = ctx.now();
    let poll_before = now.minus(ctx.settings.poll_interval()).as_micros();
    let day_ago = now.minus(RECONCILE_INTERVAL);
    let mut swept = 0;
    for connection in store::connections::list_connected(ctx.database.readers()).await? {
        let poll = &connection.recent_poll;
        let is_poll_due = poll.succeeded_us.max(poll.tried_us) <= poll_before;
        let is_reconcile_due = connection.reconcile.reconciled_us <= day_ago.as_micros();
        if !is_poll_due && !is_reconcile_due {
            continue;
        }
        let readers = ctx.database.readers();
        let backfill =
            store::backfills::find(readers, connection.athlete, connection.application).await?;
        let Some(backfill) = backfill else { continue };
        let mut requests = Vec::new();
        let request = |kind, priority| job::connection_request(kind, &connection, priority, now);
        match backfill.state {
            BackfillState::Done => {
                if is_poll_due {
                    requests.push(request(job::POLL_RECENT, priority::RECONCILE));
                }
                if is_reconcile_due {
                    requests.push(request(job::RECONCILE_PAGE, priority::RECONCILE));
                }
                swept += 1;
            }
            // A missing scope is not retried: it waits for the athlete.
            BackfillState::Failed
                if backfill.reason != "scope-missing" && backfill.changed_at <= day_ago =>
            {
                requests.push(request(job::BACKFILL, priority::BACKFILL));
            }
            _ => {}
        }
        if !requests.is_empty() {
            ctx.enqueue(&requests).await?;
        }
    }
    Ok(swept)
}

/// Deletes journal entries older than `journal_days`.
pub(crate) async fn purge_journal(ctx: &ServiceContext) -> Result<(), StoreError> {
    let retention = Duration::from_secs(ctx.settings.journal_days * 86_400);
    store::journal::delete_before(ctx.database.writer(), ctx.now().minus(retention)).await
}

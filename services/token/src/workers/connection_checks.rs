//! Checks connections when they are due, woken by whoever makes one due.

use std::sync::Arc;
use std::time::Duration;

use kernel::Timestamp;
use lifecycle::Stop;

use crate::usecases::ServiceContext;
use crate::usecases::check_connections::check_due_connections;
use crate::usecases::recover_unreadable::{Recovery, recover_unreadable};
use crate::usecases::reseal_tokens::reseal_tokens;

/// Maximum time between checks: another process may have made a connection due.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// Minimum time between checks.
const MIN_WAIT: Duration = Duration::from_millis(50);
/// Pause after the database failed.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// Runs until the soft stop.
pub(crate) async fn run_connection_checks(
    ctx: Arc<ServiceContext>,
    soft: Stop,
) -> Result<(), anyhow::Error> {
    let mut recovery_due = recover(&ctx).await;
    match reseal_tokens(&ctx).await {
        Ok(0) => {}
        Ok(connections) => tracing::info!(connections, "sealed tokens again with the current key"),
        Err(error) => tracing::warn!(%error, "tokens could not be sealed again"),
    }
    while !soft.is_stopped() {
        if recovery_due.is_some_and(|due| due <= ctx.now()) {
            recovery_due = recover(&ctx).await;
        }
        let wait = match check_due_connections(&ctx).await {
            Ok(Some(due)) => due.since(ctx.now()).min(MAX_WAIT),
            Ok(None) => MAX_WAIT,
            Err(error) => {
                tracing::warn!(%error, "connections could not be checked");
                RETRY_DELAY
            }
        };
        tokio::select! {
            () = soft.stopped() => {}
            () = ctx.checks_wanted.notified() => {}
            () = tokio::time::sleep(wait.max(MIN_WAIT)) => {}
        }
    }
    Ok(())
}

/// Recovers what a former release gave up; returns the time to try the rest again.
async fn recover(ctx: &ServiceContext) -> Option<Timestamp> {
    match recover_unreadable(ctx).await {
        Ok(Recovery { settled, retry_at }) => {
            if settled > 0 {
                tracing::info!(connections = settled, "settled connections with unreadable tokens");
            }
            retry_at
        }
        Err(error) => {
            tracing::warn!(%error, "connections could not be recovered");
            Some(ctx.now().plus(RETRY_DELAY))
        }
    }
}

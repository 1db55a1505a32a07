//! Checks connections when they are due, woken by whoever makes one due.

use std::sync::Arc;
use std::time::Duration;

use lifecycle::Stop;

use crate::usecases::ServiceContext;
use crate::usecases::check_connections::check_due_connections;
use crate::usecases::recover_unreadable::recover_unreadable;
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
    match recover_unreadable(&ctx).await {
        Ok(0) => {}
        Ok(connections) => {
            tracing::info!(connections, "settled connections with unreadable tokens");
        }
        Err(error) => tracing::warn!(%error, "connections could not be recovered"),
    }
    match reseal_tokens(&ctx).await {
        Ok(0) => {}
        Ok(connections) => tracing::info!(connections, "sealed tokens again with the current key"),
        Err(error) => tracing::warn!(%error, "tokens could not be sealed again"),
    }
    while !soft.is_stopped() {
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

//! Asks again for erasures that not every service has answered, and ends connections whose grace is over.

use std::sync::Arc;
use std::time::Duration;

use lifecycle::Stop;

use crate::usecases::ServiceContext;
use crate::usecases::end_unconnected::{end_unconnected, request_missing_erasures};
use crate::usecases::erasures::repeat_erasures;
use crate::usecases::ledger::write_ledger;

/// Interval at which due erasures are looked for.
const INTERVAL: Duration = Duration::from_secs(30);

/// Interval at which connections are looked for whose grace is over.
const GRACE_INTERVAL: Duration = Duration::from_mins(10);

/// Runs until the soft stop.
pub(crate) async fn run_erasures(
    ctx: Arc<ServiceContext>,
    soft: Stop,
) -> Result<(), anyhow::Error> {
    match request_missing_erasures(&ctx).await {
        Ok(0) => {}
        Ok(connections) => tracing::info!(connections, "requested erasures of a former release"),
        Err(error) => tracing::warn!(%error, "erasures of a former release were not requested"),
    }
    let (mut grace_due, mut written) = (ctx.now(), 0);
    while !soft.is_stopped() {
        if grace_due <= ctx.now() {
            grace_due = ctx.now().plus(GRACE_INTERVAL);
            if let Err(error) = end_unconnected(&ctx).await {
                tracing::warn!(%error, "connections whose grace is over could not be ended");
            }
        }
        match write_ledger(&ctx, written).await {
            Ok(count) => written = count,
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "the ledger of erasures cannot be written");
            }
        }
        match repeat_erasures(&ctx).await {
            Ok(open) => metrics::gauge!("token_erasures_open").set(open as f64),
            Err(error) => tracing::warn!(%error, "erasures could not be asked for again"),
        }
        tokio::select! {
            () = soft.stopped() => {}
            () = ctx.ledger_wanted.notified() => {}
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
    Ok(())
}

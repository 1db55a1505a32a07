//! Periodic work: the sweep, the journal's retention, and that of Strava's data.

use std::time::Duration;

use lifecycle::Stop;

use crate::usecases::ServiceContext;
use crate::usecases::expire::expire;
use crate::usecases::sweep::{purge_journal, sweep};

/// Ticks until stopped. What fails is repeated at the next tick, and keeps nothing else from being done.
pub(crate) async fn run(ctx: ServiceContext, soft: Stop) -> anyhow::Result<()> {
    let interval = Duration::from_secs(ctx.settings.tick_s.max(1));
    while !soft.is_stopped() {
        run_tick(&ctx).await;
        soft.run_until_stopped(tokio::time::sleep(interval)).await;
    }
    Ok(())
}

async fn run_tick(ctx: &ServiceContext) {
    match sweep(ctx).await {
        Ok(0) => {}
        Ok(swept) => tracing::info!(connections = swept, "polls requested"),
        Err(error) => tracing::warn!(%error, "the sweep failed"),
    }
    if let Err(error) = purge_journal(ctx).await {
        tracing::warn!(%error, "old journal entries could not be deleted");
    }
    match expire(ctx).await {
        Ok(0) => {}
        Ok(expired) => tracing::info!(observations = expired, "expired by strava.retention"),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), "Strava's data could not be expired");
        }
    }
}

//! Periodic work: the sweep and the journal's retention.

use std::time::Duration;

use lifecycle::Stop;
use outbox::StoreError;

use crate::usecases::ServiceContext;
use crate::usecases::sweep::{purge_journal, sweep};

/// Ticks until stopped. A failed tick is repeated at the next one.
pub(crate) async fn run(ctx: ServiceContext, soft: Stop) -> anyhow::Result<()> {
    let interval = Duration::from_secs(ctx.settings.tick_s.max(1));
    while !soft.is_stopped() {
        if let Err(error) = run_tick(&ctx).await {
            tracing::warn!(%error, "the sweep failed");
        }
        soft.run_until_stopped(tokio::time::sleep(interval)).await;
    }
    Ok(())
}

async fn run_tick(ctx: &ServiceContext) -> Result<(), StoreError> {
    let swept = sweep(ctx).await?;
    if swept > 0 {
        tracing::info!(connections = swept, "polls requested");
    }
    purge_journal(ctx).await
}

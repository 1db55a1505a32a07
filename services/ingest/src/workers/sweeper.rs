//! Periodic work: the sweep, the journal's retention, the requests for replays.

use std::time::Duration;

use event_bus::Bus;
use lifecycle::Stop;
use outbox::StoreError;

use crate::usecases::ServiceContext;
use crate::usecases::request_replay::{record_caught_up, request_replay};
use crate::usecases::sweep::{purge_journal, sweep};

/// Ticks until stopped. A failed tick is repeated at the next one.
pub(crate) async fn run(ctx: ServiceContext, bus: Bus, soft: Stop) -> anyhow::Result<()> {
    let interval = Duration::from_secs(ctx.settings.tick_s.max(1));
    while !soft.is_stopped() {
        if let Err(error) = run_tick(&ctx, &bus).await {
            tracing::warn!(%error, "the sweep failed");
        }
        soft.run_until_stopped(tokio::time::sleep(interval)).await;
    }
    Ok(())
}

async fn run_tick(ctx: &ServiceContext, bus: &Bus) -> Result<(), StoreError> {
    request_replay(ctx).await?;
    let swept = sweep(ctx).await?;
    if swept > 0 {
        tracing::info!(connections = swept, "polls requested");
    }
    purge_journal(ctx).await?;
    if matches!(bus.lag_of_groups(&[crate::NAME]).await, Ok(0)) {
        record_caught_up(ctx).await?;
    }
    Ok(())
}

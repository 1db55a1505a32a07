//! Looks at the clock: what has become due, and whether we know everything.

use std::time::Duration;

use event_bus::Bus;
use lifecycle::Stop;
use outbox::StoreError;

use crate::usecases::Core;
use crate::usecases::ask_replay::{ask_replay, note_caught_up};
use crate::usecases::sweep::{forget_old_lines, sweep};

/// Ticks until stopped; what fails now is tried at the next tick.
pub(crate) async fn run(core: Core, bus: Bus, soft: Stop) -> anyhow::Result<()> {
    let tick = Duration::from_secs(core.settings.tick_s.max(1));
    while !soft.is_stopped() {
        if let Err(error) = once(&core, &bus).await {
            tracing::warn!(%error, "a tick failed");
        }
        soft.run_until_stopped(tokio::time::sleep(tick)).await;
    }
    Ok(())
}

async fn once(core: &Core, bus: &Bus) -> Result<(), StoreError> {
    ask_replay(core).await?;
    let wanted = sweep(core).await?;
    if wanted > 0 {
        tracing::info!(athletes = wanted, "looking for what no webhook told us");
    }
    forget_old_lines(core).await?;
    if matches!(bus.lag_of_groups(&[crate::NAME]).await, Ok(0)) {
        note_caught_up(core).await?;
    }
    Ok(())
}

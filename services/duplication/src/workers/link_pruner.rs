//! Prunes links and invitations, and expires what copies tell of their source, at a slow pace.

use std::time::Duration;

use lifecycle::Stop;
use tokio::time::{MissedTickBehavior, interval};

use crate::usecases::ServiceContext;
use crate::usecases::expire_sources::expire_sources;
use crate::usecases::prune_links::prune_links;

/// Runs until stopped; a round that fails is logged, and the next one does its work.
pub(crate) async fn run(ctx: ServiceContext, soft: Stop) -> anyhow::Result<()> {
    let mut ticks = interval(Duration::from_secs(ctx.settings.prune_every_s.max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while soft.run_until_stopped(ticks.tick()).await.is_some() {
        if let Err(error) = prune_links(&ctx).await {
            tracing::warn!(%error, "old links could not be pruned");
        }
        if let Err(error) = expire_sources(&ctx).await {
            tracing::warn!(%error, "what copies tell of their source could not be expired");
        }
    }
    Ok(())
}

//! Requests replays of incomplete topics, and records that everything was handled.

use std::time::Duration;

use event_bus::Bus;
use lifecycle::Stop;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::usecases::ServiceContext;
use crate::usecases::request_replay::{TOPICS, record_caught_up, request_replay};

/// Interval at which an unanswered request may be repeated.
const REQUEST_INTERVAL: Duration = Duration::from_mins(5);
/// Interval at which it is recorded that everything was handled. The first time comes as late, for a
/// consumer that has not begun to read has no lag either.
const RECORD_INTERVAL: Duration = Duration::from_mins(10);

/// Monitors the topics until stopped.
pub(crate) async fn run(ctx: ServiceContext, bus: Bus, soft: Stop) -> anyhow::Result<()> {
    let mut ticks = interval(REQUEST_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut record_at = Instant::now() + RECORD_INTERVAL;
    while soft.run_until_stopped(ticks.tick()).await.is_some() {
        for topic in TOPICS {
            if let Err(error) = request_replay(&ctx, topic).await {
                tracing::warn!(%error, %topic, "a replay could not be requested");
            }
        }
        if Instant::now() >= record_at {
            record_at = Instant::now() + RECORD_INTERVAL;
            if let Err(error) = record_if_caught_up(&ctx, &bus).await {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the sync state could not be recorded"
                );
            }
        }
    }
    Ok(())
}

async fn record_if_caught_up(ctx: &ServiceContext, bus: &Bus) -> anyhow::Result<()> {
    if bus.lag_of_groups(&["duplication"]).await? == 0 {
        record_caught_up(ctx).await?;
    }
    Ok(())
}

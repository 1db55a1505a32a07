//! Asks for what was missed, and notes that nothing was.

use std::time::Duration;

use event_bus::Bus;
use lifecycle::Stop;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::usecases::Kit;
use crate::usecases::catch_up::{TOPICS, catch_up, note};

/// How often a question that was not answered may be put again.
const EVERY: Duration = Duration::from_mins(5);
/// How often it is noted that everything is handled. The first time comes as late, for a consumer
/// that has not begun to read has nothing unhandled either.
const NOTE_EVERY: Duration = Duration::from_mins(10);

/// Keeps the books until stopped.
pub(crate) async fn run(kit: Kit, bus: Bus, soft: Stop) -> anyhow::Result<()> {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut note_at = Instant::now() + NOTE_EVERY;
    while soft.run_until_stopped(ticks.tick()).await.is_some() {
        for topic in TOPICS {
            if let Err(error) = catch_up(&kit, topic).await {
                tracing::warn!(%error, %topic, "could not find out whether anything was missed");
            }
        }
        if Instant::now() >= note_at {
            note_at = Instant::now() + NOTE_EVERY;
            if let Err(error) = keep(&kit, &bus).await {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "could not note that everything is handled"
                );
            }
        }
    }
    Ok(())
}

async fn keep(kit: &Kit, bus: &Bus) -> anyhow::Result<()> {
    if bus.lag_of_groups(&["duplication"]).await? == 0 {
        note(kit).await?;
    }
    Ok(())
}

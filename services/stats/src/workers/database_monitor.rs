//! Checks the database at a slow pace, and purges what was erased long ago.

use std::time::Duration;

use lifecycle::Stop;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::usecases::ServiceContext;
use crate::usecases::check_database::check_database;
use crate::usecases::purge_erased::purge_erased;

/// Interval at which erased facts are purged.
const PURGE_INTERVAL: Duration = Duration::from_mins(10);

/// Runs until stopped.
///
/// # Errors
///
/// [`DatabaseReplaced`](crate::usecases::check_database::DatabaseReplaced). A failed check or purge is
/// logged and tried again.
pub(crate) async fn run(
    ctx: &ServiceContext,
    check_interval: Duration,
    stop: Stop,
) -> anyhow::Result<()> {
    let mut ticks = interval(check_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut purge_at = Instant::now() + PURGE_INTERVAL;
    while stop.run_until_stopped(ticks.tick()).await.is_some() {
        match check_database(ctx).await {
            Ok(None) => {}
            Ok(Some(replaced)) => return Err(replaced.into()),
            Err(error) => tracing::warn!(%error, "the database could not be checked"),
        }
        if Instant::now() >= purge_at {
            purge_at = Instant::now() + PURGE_INTERVAL;
            if let Err(error) = purge_erased(ctx).await {
                tracing::warn!(%error, "erased facts could not be purged");
            }
        }
    }
    Ok(())
}

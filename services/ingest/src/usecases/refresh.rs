//! Polls on demand: the newest page of all athletes, or of the published one, until the result is counted.

use std::time::Duration;

use event_bus::{Bus, BusError};
use jobs::priority;
use kernel::Timestamp;
use outbox::StoreError;

use super::{ServiceContext, job};
use crate::domain::connection::Connection;
use crate::store;

/// Error of a refresh.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    #[error("no athlete is connected")]
    NobodyConnected,
    #[error("the list of a connected athlete could not be read: {0}")]
    Unreadable(String),
    #[error("the refresh timed out")]
    TimedOut,
    #[error(transparent)]
    Store(#[from] StoreError),
}

const MIN_PAUSE: Duration = Duration::from_millis(20);
/// Maximum pause between two queries of the log: on Kafka each is a request to the brokers.
const MAX_PAUSE: Duration = Duration::from_millis(320);

/// The group in which stats reads live and swept activities: a settled activity is counted. The group that reads
/// backfills is not waited for.
const COUNTING_GROUPS: [&str; 1] = ["stats"];

/// Requests the polls and waits until their activities are counted. Where stats runs in another process, waits
/// until they are published, as no more is known here.
pub(crate) async fn refresh(ctx: &ServiceContext, bus: &Bus) -> Result<(), RefreshError> {
    let requested_at = ctx.now();
    let mut connections = store::connections::list_connected(ctx.database.readers()).await?;
    if let Some(athlete) = ctx.settings.published_athlete {
        connections.retain(|connection| connection.athlete == athlete);
    }
    if connections.is_empty() {
        return Err(RefreshError::NobodyConnected);
    }
    for connection in &connections {
        let (kind, priority) = (job::POLL_RECENT, priority::LIVE);
        let request = job::connection_request(kind, connection, priority, requested_at);
        ctx.enqueue(&[request]).await?;
    }
    let timeout = Duration::from_secs(ctx.settings.refresh_patience_s);
    let counted = async {
        wait_until_published(ctx, &connections, requested_at).await?;
        wait_until_counted(bus).await;
        Ok(())
    };
    tokio::time::timeout(timeout, counted).await.unwrap_or(Err(RefreshError::TimedOut))
}

/// Waits until the counting group has no unsettled records. Errors of the log are retried.
async fn wait_until_counted(bus: &Bus) {
    let mut pause = MIN_PAUSE;
    loop {
        match bus.lag_of_groups(&COUNTING_GROUPS).await {
            Ok(0) | Err(BusError::GroupNotReading(_)) => return,
            Ok(left) => tracing::debug!(left, "activities are not counted yet"),
            Err(error) => tracing::debug!(%error, "the lag of stats is unknown"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

async fn wait_until_published(
    ctx: &ServiceContext,
    connections: &[Connection],
    requested_at: Timestamp,
) -> Result<(), RefreshError> {
    for connection in connections {
        wait_until_polled(ctx, connection, requested_at).await?;
    }
    let athletes: Vec<_> = connections.iter().map(|connection| connection.athlete).collect();
    while store::unpublished::count(ctx.database.readers(), &athletes).await? > 0 {
        tokio::time::sleep(MIN_PAUSE).await;
    }
    Ok(())
}

async fn wait_until_polled(
    ctx: &ServiceContext,
    connection: &Connection,
    requested_at: Timestamp,
) -> Result<(), RefreshError> {
    let (athlete, application) = (connection.athlete, connection.application);
    loop {
        let readers = ctx.database.readers();
        let stored = store::connections::find_connected(readers, athlete, application).await?;
        let Some(stored) = stored else { return Ok(()) };
        if stored.recent_poll.succeeded_us >= requested_at.as_micros() {
            return Ok(());
        }
        if stored.recent_poll.tried_us >= requested_at.as_micros() {
            return Err(RefreshError::Unreadable(stored.recent_poll.problem));
        }
        tokio::time::sleep(MIN_PAUSE).await;
    }
}

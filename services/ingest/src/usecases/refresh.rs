//! "Look now": the head page of everyone (or of the published athlete), answered when what was found is counted.

use std::time::Duration;

use event_bus::{Bus, BusError};
use jobs::priority;
use kernel::Timestamp;
use outbox::StoreError;

use super::{Core, job};
use crate::domain::connection::Connection;
use crate::store;

/// Why it was not refreshed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRefreshed {
    #[error("no athlete is connected")]
    NobodyConnected,
    #[error("the list of a connected athlete could not be read: {0}")]
    Unreadable(String),
    #[error("it was not done in time")]
    TooSlow,
    #[error(transparent)]
    Store(#[from] StoreError),
}

const PAUSE: Duration = Duration::from_millis(20);
/// The log is asked less and less often: on Kafka each question is one to the brokers.
const LONGEST_PAUSE: Duration = Duration::from_millis(320);

/// The group in which stats reads live and swept activities: what it has settled is counted. Histories, which
/// have a group of their own, are not waited for.
const COUNTING: [&str; 1] = ["stats"];

/// Looks, and waits until what was found is counted; where stats reads in another process, until it is published,
/// for nobody here can know more.
pub(crate) async fn refresh(core: &Core, bus: &Bus) -> Result<(), NotRefreshed> {
    let asked_at = core.now();
    let all = store::connections::connected(core.database.readers()).await?;
    let only = core.settings.published_athlete;
    let wanted: Vec<_> =
        all.into_iter().filter(|it| only.is_none_or(|only| it.athlete == only)).collect();
    if wanted.is_empty() {
        return Err(NotRefreshed::NobodyConnected);
    }
    for connection in &wanted {
        let wish = job::head_of(connection, priority::LIVE, asked_at);
        core.queue.want(core.database.writer(), &wish).await?;
    }
    let patience = Duration::from_secs(core.settings.refresh_patience_s);
    let counted = async {
        until_published(core, &wanted, asked_at).await?;
        until_counted(bus).await;
        Ok(())
    };
    tokio::time::timeout(patience, counted).await.unwrap_or(Err(NotRefreshed::TooSlow))
}

/// Waits until the group that counts has nothing left. A log that does not answer now is asked again.
async fn until_counted(bus: &Bus) {
    let mut pause = PAUSE;
    loop {
        match bus.lag_of_groups(&COUNTING).await {
            Ok(0) | Err(BusError::GroupNotReading(_)) => return,
            Ok(left) => tracing::debug!(left, "not counted yet"),
            Err(error) => tracing::debug!(%error, "the log does not say what is counted"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn until_published(
    core: &Core,
    wanted: &[Connection],
    asked_at: Timestamp,
) -> Result<(), NotRefreshed> {
    for connection in wanted {
        until_looked_at(core, connection, asked_at).await?;
    }
    let athletes: Vec<_> = wanted.iter().map(|connection| connection.athlete).collect();
    while store::outgoing::waiting(core.database.readers(), &athletes).await? > 0 {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn until_looked_at(
    core: &Core,
    wanted: &Connection,
    asked_at: Timestamp,
) -> Result<(), NotRefreshed> {
    loop {
        let found =
            store::connections::find(core.database.readers(), wanted.athlete, wanted.application)
                .await?;
        let Some(found) = found.filter(Connection::is_connected) else { return Ok(()) };
        if found.head.looked_us >= asked_at.as_micros() {
            return Ok(());
        }
        if found.head.tried_us >= asked_at.as_micros() {
            return Err(NotRefreshed::Unreadable(found.head.problem));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

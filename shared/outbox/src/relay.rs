//! The relay: what effects committed to the outbox reaches the log, in order per key, at least once.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use event_bus::{OutgoingRecord, PublishError, Publisher};
use kernel::{Clock, Timestamp};
use lifecycle::{Failpoints, Stop};
use sea_orm::DbBackend;

use crate::{Database, StoreError};

mod batch;
mod lease;

use batch::Batch;
use lease::Lease;

/// How often the outbox is looked at without a ring: other processes' commits ring no bell here.
const POLL_SHARED: Duration = Duration::from_secs(5);
/// The same where this is the only process.
const POLL_ALONE: Duration = Duration::from_secs(30);
/// How soon a relay looks again while another one is at work.
const POLL_HELD: Duration = Duration::from_millis(250);
/// The first pause after the bus or the database was away, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long what is left may take once a soft stop was asked for.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// How often published rows are purged, at most.
const PURGE_EVERY: Duration = Duration::from_mins(1);

/// Where a test may kill the process: around publishing a batch, and after it was noted as published.
pub const FAILPOINTS: [&str; 3] = ["outbox.before-publish", "outbox.published", "outbox.marked"];

/// Where a relay publishes.
pub trait Outlet: Send + Sync + 'static {
    /// Publishes in order, and answers for each record in the same order.
    fn publish_many(
        &self,
        records: Vec<OutgoingRecord>,
    ) -> impl Future<Output = Vec<Result<(), PublishError>>> + Send;
}

impl Outlet for Publisher {
    async fn publish_many(&self, records: Vec<OutgoingRecord>) -> Vec<Result<(), PublishError>> {
        Self::publish_many(self, records).await
    }
}

/// Publishes a service's outbox. Any number may run: a lease lets one work at a time, and one that
/// was paused while it held the lease does no harm when it wakes, for events bear repetition.
#[derive(Debug)]
pub struct Relay<O = Publisher> {
    database: Database,
    outlet: O,
    clock: Arc<dyn Clock>,
    failpoints: Failpoints,
    lease: Lease,
    purged_at: Option<Timestamp>,
    to_purge: bool,
}

/// How a look at the outbox ended.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// Nothing is left.
    Empty,
    /// Another relay is at work.
    Held,
    /// The bus did not take everything.
    Stuck,
}

impl<O: Outlet> Relay<O> {
    /// A relay for this database.
    pub fn new(database: Database, outlet: O, clock: Arc<dyn Clock>) -> Self {
        Self {
            database,
            outlet,
            clock,
            failpoints: Failpoints::none(),
            lease: Lease::default(),
            purged_at: None,
            to_purge: true,
        }
    }

    /// The same, dying where a test asks: `outbox.before-publish`, `outbox.published`, `outbox.marked`.
    #[must_use]
    pub fn with_failpoints(mut self, failpoints: Failpoints) -> Self {
        self.failpoints = failpoints;
        self
    }

    /// Publishes until the stop, then what is left if it goes quickly.
    pub async fn run(mut self, soft: Stop) -> Result<(), anyhow::Error> {
        let filled = self.database.outbox_filled();
        let poll = match self.database.backend() {
            DbBackend::Sqlite => POLL_ALONE,
            _ => POLL_SHARED,
        };
        let mut pause = PAUSES.0;
        while !soft.is_stopped() {
            // Only a relay that has nothing to do listens: one that cannot work must not be rung into a frenzy.
            let (wait, listens) = match self.drain().await {
                Ok(Look::Empty) => {
                    pause = PAUSES.0;
                    self.purge_if_due().await;
                    (poll, true)
                }
                Ok(Look::Held) => (POLL_HELD, false),
                Ok(Look::Stuck) => (grow(&mut pause), false),
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "the outbox cannot be relayed now");
                    (grow(&mut pause), false)
                }
            };
            tokio::select! {
                () = soft.stopped() => {}
                () = filled.notified(), if listens => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        // What the last effects committed; whatever does not go now goes at the next start.
        match tokio::time::timeout(LAST_WORDS, self.drain()).await {
            Ok(Ok(look)) => tracing::debug!(?look, "the relay stops"),
            Ok(Err(error)) => {
                tracing::warn!(error = %chain(&error), "the outbox could not be drained");
            }
            Err(_) => tracing::warn!("the outbox was not drained in time"),
        }
        Ok(())
    }

    /// Publishes batch after batch until nothing is left.
    async fn drain(&mut self) -> Result<Look, StoreError> {
        loop {
            if !Batch::waiting(&self.database).await? {
                return Ok(Look::Empty);
            }
            let Some(batch) =
                Batch::take(&self.database, &mut self.lease, self.clock.now()).await?
            else {
                return Ok(Look::Held);
            };
            self.failpoints.hit("outbox.before-publish");
            let answers = self.publish(&batch).await;
            self.failpoints.hit("outbox.published");
            let complete =
                batch.settle(&self.database, &mut self.lease, answers, self.clock.now()).await?;
            self.failpoints.hit("outbox.marked");
            self.to_purge = true;
            if !complete {
                return Ok(Look::Stuck);
            }
        }
    }

    /// Publishes a batch, renewing the lease for as long as the bus takes.
    async fn publish(&self, batch: &Batch) -> Vec<Result<(), PublishError>> {
        let mut publishing = std::pin::pin!(self.outlet.publish_many(batch.records()));
        loop {
            tokio::select! {
                answers = &mut publishing => return answers,
                () = tokio::time::sleep(lease::RENEW) => {
                    if let Err(error) = self.lease.renew(&self.database, self.clock.now()).await {
                        tracing::warn!(error = %chain(&error), "the relay's lease was not renewed");
                    }
                }
            }
        }
    }

    async fn purge_if_due(&mut self) {
        let now = self.clock.now();
        if !self.to_purge || self.purged_at.is_some_and(|at| now.since(at) < PURGE_EVERY) {
            return;
        }
        self.purged_at = Some(now);
        match batch::purge(&self.database, now).await {
            Ok(left) => self.to_purge = left,
            Err(error) => tracing::debug!(error = %chain(&error), "the outbox was not purged"),
        }
    }
}

fn grow(pause: &mut Duration) -> Duration {
    let now = *pause;
    *pause = (now * 2).min(PAUSES.1);
    now
}

/// An error with what caused it, in one line.
fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

//! The relay: publishes committed outbox rows, in order per key, at least once.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use event_bus::{OutgoingRecord, PublishError, Publisher};
use kernel::{Clock, Timestamp};
use lifecycle::{Failpoints, Stop};
use sea_orm::DbBackend;

use crate::{Database, Singleton, StoreError};

mod batch;

use batch::Batch;

/// Interval at which the outbox is read without a signal: commits of other processes send none.
const SHARED_POLL_INTERVAL: Duration = Duration::from_secs(5);
/// The same where this is the only process.
const SINGLE_POLL_INTERVAL: Duration = Duration::from_secs(30);
/// Delay while another relay holds the lease.
const HELD_DELAY: Duration = Duration::from_millis(250);
/// First delay after the bus or the database was unavailable.
const MIN_DELAY: Duration = Duration::from_millis(100);
/// Upper limit of that delay.
const MAX_DELAY: Duration = Duration::from_secs(5);
/// Time limit for publishing the rest after a soft stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// Minimum time between two purges of published rows.
const PURGE_INTERVAL: Duration = Duration::from_mins(1);

/// Failpoints around publishing a batch, and after it was marked as published.
pub const FAILPOINTS: [&str; 3] = ["outbox.before-publish", "outbox.published", "outbox.marked"];

/// The publisher that a relay uses.
pub trait RecordSink: Send + Sync + 'static {
    /// Publishes in order and returns a result for each record in the same order.
    fn publish_many(
        &self,
        records: Vec<OutgoingRecord>,
    ) -> impl Future<Output = Vec<Result<(), PublishError>>> + Send;
}

impl RecordSink for Publisher {
    async fn publish_many(&self, records: Vec<OutgoingRecord>) -> Vec<Result<(), PublishError>> {
        Self::publish_many(self, records).await
    }
}

/// Publishes a service's outbox. On MySQL any number of processes may run one: a lease lets one work
/// at a time, and one that was paused while it held the lease does no harm when it wakes, for events
/// bear repetition. A SQLite file has one process and needs no lease.
#[derive(Debug)]
pub struct Relay<S = Publisher> {
    database: Database,
    sink: S,
    clock: Arc<dyn Clock>,
    failpoints: Failpoints,
    singleton: Option<Singleton>,
    purged_at: Option<Timestamp>,
    to_purge: bool,
}

/// The outcome of draining the outbox.
#[derive(Debug, PartialEq, Eq)]
enum Drained {
    /// Nothing is left.
    Empty,
    /// Another relay holds the lease.
    Held,
    /// The bus did not take everything.
    Partly,
}

impl<S: RecordSink> Relay<S> {
    /// A relay for this database.
    pub fn new(database: Database, sink: S, clock: Arc<dyn Clock>) -> Self {
        let singleton = match database.backend() {
            DbBackend::Sqlite => None,
            _ => Some(Singleton::new("relay")),
        };
        Self {
            database,
            sink,
            clock,
            failpoints: Failpoints::none(),
            singleton,
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
        let signal = self.database.outbox_signal();
        let poll = match self.database.backend() {
            DbBackend::Sqlite => SINGLE_POLL_INTERVAL,
            _ => SHARED_POLL_INTERVAL,
        };
        let mut delay = MIN_DELAY;
        while !soft.is_stopped() {
            // Only an idle relay listens: signals must not cut short the delay of one that cannot work.
            let (wait, listens) = match self.drain().await {
                Ok(Drained::Empty) => {
                    delay = MIN_DELAY;
                    self.purge_if_due().await;
                    (poll, true)
                }
                Ok(Drained::Held) => (HELD_DELAY, false),
                Ok(Drained::Partly) => (next_delay(&mut delay), false),
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "the outbox cannot be published");
                    (next_delay(&mut delay), false)
                }
            };
            tokio::select! {
                () = soft.stopped() => {}
                () = signal.notified(), if listens => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        // Rows of the last transactions; what is left is published at the next start.
        match tokio::time::timeout(STOP_TIMEOUT, self.drain()).await {
            Ok(Ok(drained)) => tracing::debug!(?drained, "the relay stops"),
            Ok(Err(error)) => {
                tracing::warn!(error = %chain(&error), "the outbox could not be drained");
            }
            Err(_) => tracing::warn!("the outbox was not drained in time"),
        }
        Ok(())
    }

    /// Publishes batch after batch until nothing is left.
    async fn drain(&mut self) -> Result<Drained, StoreError> {
        loop {
            let mut batch = Batch::load(&self.database).await?;
            if batch.is_empty() {
                return Ok(Drained::Empty);
            }
            if let Some(singleton) = &mut self.singleton {
                if !singleton.acquire(&self.database, self.clock.now()).await? {
                    return Ok(Drained::Held);
                }
                // Another relay may have published them meanwhile.
                batch = Batch::load(&self.database).await?;
            }
            self.failpoints.hit("outbox.before-publish");
            let answers = self.publish(&batch).await;
            self.failpoints.hit("outbox.published");
            let now = self.clock.now();
            let complete =
                batch.mark(&self.database, self.singleton.as_ref(), answers, now).await?;
            self.failpoints.hit("outbox.marked");
            self.to_purge = true;
            if !complete {
                return Ok(Drained::Partly);
            }
        }
    }

    /// Publishes a batch, renewing the lease for as long as the bus takes.
    async fn publish(&self, batch: &Batch) -> Vec<Result<(), PublishError>> {
        let mut publishing = std::pin::pin!(self.sink.publish_many(batch.records()));
        loop {
            tokio::select! {
                answers = &mut publishing => return answers,
                () = tokio::time::sleep(Singleton::RENEW_INTERVAL) => self.renew_lease().await,
            }
        }
    }

    async fn renew_lease(&self) {
        let Some(singleton) = &self.singleton else { return };
        if let Err(error) = singleton.renew(self.database.writer(), self.clock.now()).await {
            tracing::warn!(error = %chain(&error), "the relay's lease was not renewed");
        }
    }

    async fn purge_if_due(&mut self) {
        let now = self.clock.now();
        if !self.to_purge || self.purged_at.is_some_and(|at| now.since(at) < PURGE_INTERVAL) {
            return;
        }
        self.purged_at = Some(now);
        match batch::purge(&self.database, now).await {
            Ok(left) => self.to_purge = left,
            Err(error) => tracing::debug!(error = %chain(&error), "the outbox was not purged"),
        }
    }
}

/// Returns the delay and doubles it.
fn next_delay(delay: &mut Duration) -> Duration {
    let current = *delay;
    *delay = (current * 2).min(MAX_DELAY);
    current
}

/// An error with its causes, in one line.
fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

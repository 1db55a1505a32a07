//! The built-in log's only writer: whatever waits goes into one transaction (group commit).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use contracts::Topic;
use kernel::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::shelf::Shelf;
use super::{BuiltInLogSettings, schema};
use crate::{BusError, PublishError, TopicReport};

/// The most requests in one transaction.
const BATCH: usize = 1024;
/// The most rows in one statement (SQLite takes 32,766 values).
const ROWS: usize = 5_000;
/// How long a settlement may wait to be written when nothing is published; what was settled in
/// between comes again after a kill.
const SETTLE_LATER: Duration = Duration::from_millis(200);
/// How often what is too old is looked for.
const SWEEP_EVERY: Duration = Duration::from_mins(15);
/// How many records go in one transaction of a sweep, so that publishing does not wait for it.
const SWEEP_CHUNK: i64 = 2_000;

/// A record that has its partition but no offset yet.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) topic: Topic,
    pub(crate) partition: i32,
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
}

/// What the writer is asked for.
#[derive(Debug)]
pub(crate) enum Request {
    /// Answered after the commit, synced to disk.
    Publish {
        rows: Vec<Row>,
        done: oneshot::Sender<Result<(), PublishError>>,
    },
    /// Answered when every settlement so far is written.
    Flush {
        done: oneshot::Sender<Result<(), BusError>>,
    },
    Ensure {
        topics: Vec<Topic>,
        done: oneshot::Sender<Result<Vec<TopicReport>, BusError>>,
    },
    /// Deletes every topic under the prefix.
    Delete {
        done: oneshot::Sender<()>,
    },
}

pub(crate) struct Writer {
    db: DatabaseConnection,
    shelf: Arc<Shelf>,
    settings: BuiltInLogSettings,
    heads: HashMap<Topic, Vec<i64>>,
    swept: Option<Timestamp>,
    /// Whether the last write failed; then `healthy` tries one of its own.
    broken: bool,
}

type Done = oneshot::Sender<Result<(), PublishError>>;

impl Writer {
    pub(crate) async fn open(
        db: DatabaseConnection,
        shelf: Arc<Shelf>,
        settings: BuiltInLogSettings,
    ) -> Result<Self, DbErr> {
        let mut writer =
            Self { db, shelf, settings, heads: HashMap::new(), swept: None, broken: false };
        writer.reload().await?;
        writer.sweep_if_due().await;
        Ok(writer)
    }

    /// Writes until the log is dropped.
    pub(crate) async fn run(mut self, mut incoming: mpsc::Receiver<Request>) {
        let mut requests = Vec::with_capacity(BATCH);
        let mut due: Option<Instant> = None;
        let mut sweep_at = Instant::now() + SWEEP_EVERY;
        let shelf = Arc::clone(&self.shelf);
        loop {
            tokio::select! {
                biased;
                count = incoming.recv_many(&mut requests, BATCH) => if count == 0 { break },
                () = shelf.unwritten.notified(), if due.is_none() => {
                    due = Some(Instant::now() + SETTLE_LATER);
                    continue;
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                // Also what nobody adds to is forgotten in time.
                () = sleep_until(sweep_at) => {
                    sweep_at = Instant::now() + SWEEP_EVERY;
                    self.sweep_if_due().await;
                    continue;
                }
            }
            let settle = due.take_if(|due| *due <= Instant::now()).is_some();
            self.serve(&mut requests, settle).await;
        }
    }

    async fn serve(&mut self, requests: &mut Vec<Request>, settle: bool) {
        let mut rows = Vec::new();
        let mut publishers = Vec::new();
        let mut others = Vec::new();
        for request in requests.drain(..) {
            match request {
                Request::Publish { rows: mut more, done } => {
                    rows.append(&mut more);
                    publishers.push(done);
                }
                other => others.push(other),
            }
        }
        if !rows.is_empty() {
            self.publish(rows, publishers).await;
            self.sweep_if_due().await;
        }
        if settle || !others.is_empty() {
            self.settle().await;
        }
        for other in others {
            self.answer(other).await;
        }
    }

    /// Does what is neither publishing nor settling. Whoever asked is told; a caller that went away does not matter.
    async fn answer(&mut self, request: Request) {
        match request {
            Request::Ensure { topics, done } => drop(done.send(self.ensure(&topics).await)),
            Request::Delete { done } => {
                self.delete().await;
                let _ = done.send(());
            }
            // Settlements were written before this is answered.
            Request::Flush { done } => drop(done.send(self.probe().await)),
            Request::Publish { .. } => {}
        }
    }

    async fn publish(&mut self, rows: Vec<Row>, publishers: Vec<Done>) {
        let touched: HashSet<Topic> = rows.iter().map(|row| row.topic).collect();
        let answer = match self.write(rows).await {
            Ok(()) => {
                self.broken = false;
                self.shelf.advance(&self.heads, &touched);
                Ok(())
            }
            Err(error) => {
                self.broken = true;
                tracing::error!(%error, "the built-in log could not be written");
                if let Err(error) = self.reload().await {
                    tracing::error!(%error, "the built-in log could not be read");
                }
                // Whether a failed commit reached the disk is not known.
                Err(PublishError::Unconfirmed)
            }
        };
        for done in publishers {
            let _ = done.send(answer.clone());
        }
    }

    /// Gives every row its offset and writes them all, or none. A single statement is a transaction of
    /// its own: that saves two trips to the database's thread.
    async fn write(&mut self, rows: Vec<Row>) -> Result<(), DbErr> {
        let now = self.settings.clock.now();
        let mut placed = Vec::with_capacity(rows.len());
        for row in rows {
            let head = self
                .heads
                .get_mut(&row.topic)
                .and_then(|heads| heads.get_mut(row.partition as usize));
            let Some(head) = head else { continue };
            placed.push((*head, row));
            *head += 1;
        }
        let prefix = self.settings.prefix.as_str();
        if placed.len() <= ROWS {
            self.db.execute_raw(schema::insert(prefix, placed, now)).await?;
            return Ok(());
        }
        let tx = begin(&self.db).await?;
        let mut placed = placed.into_iter().peekable();
        while placed.peek().is_some() {
            let chunk: Vec<_> = placed.by_ref().take(ROWS).collect();
            tx.execute_raw(schema::insert(prefix, chunk, now)).await?;
        }
        tx.commit().await
    }

    /// Writes how far every group has come.
    async fn settle(&mut self) {
        let positions = self.shelf.take_settled();
        if positions.is_empty() {
            return;
        }
        if let Err(error) =
            self.db.execute_raw(schema::upsert_positions(&self.settings.prefix, &positions)).await
        {
            tracing::error!(%error, "positions could not be written");
            self.broken = true;
            self.shelf.give_back(positions);
        }
    }

    /// After a failure: whether writing works again.
    async fn probe(&mut self) -> Result<(), BusError> {
        if self.broken {
            self.db.execute_unprepared("PRAGMA user_version = 1").await?;
            self.broken = false;
        }
        Ok(())
    }

    async fn reload(&mut self) -> Result<(), DbErr> {
        self.heads = schema::heads(&self.db, &self.settings.prefix).await?;
        let topics = self.heads.keys().copied().collect();
        self.shelf.advance(&self.heads, &topics);
        Ok(())
    }

    async fn ensure(&mut self, topics: &[Topic]) -> Result<Vec<TopicReport>, BusError> {
        let wanted = self.settings.partitions.max(1);
        let mut reports = Vec::new();
        for topic in topics.iter().copied() {
            let existing = self.heads.get(&topic).map(|heads| heads.len() as i32);
            if existing.is_none() {
                let name = format!("{}{topic}", self.settings.prefix);
                self.db.execute_raw(schema::new_topic(&name, wanted)).await?;
                self.heads.insert(topic, vec![0; wanted as usize]);
            }
            let partitions = existing.unwrap_or(wanted);
            let differences = if partitions == wanted {
                Vec::new()
            } else {
                vec![format!(
                    "{partitions} partitions instead of {wanted}; the number is fixed when a topic is made"
                )]
            };
            reports.push(TopicReport {
                topic,
                created: existing.is_none(),
                partitions,
                differences,
            });
        }
        self.shelf.advance(&self.heads, &HashSet::new());
        Ok(reports)
    }

    async fn delete(&mut self) {
        for topic in std::mem::take(&mut self.heads).into_keys() {
            for statement in schema::delete_topic(&format!("{}{topic}", self.settings.prefix)) {
                if let Err(error) = self.db.execute_raw(statement).await {
                    tracing::error!(%error, %topic, "a topic could not be deleted");
                }
            }
        }
        self.shelf.advance(&self.heads, &HashSet::new());
    }

    /// Deletes what is older than the retention, also what a group has not handled, as Kafka does.
    async fn sweep_if_due(&mut self) {
        let now = self.settings.clock.now();
        if self
            .swept
            .is_some_and(|swept| now.since(swept) < SWEEP_EVERY.min(self.settings.retention))
        {
            return;
        }
        self.swept = Some(now);
        if let Err(error) = self.sweep(now).await {
            tracing::error!(%error, "the built-in log could not be swept");
        }
    }

    async fn sweep(&self, now: Timestamp) -> Result<(), DbErr> {
        let not_before = now.minus(self.settings.retention);
        for (topic, heads) in &self.heads {
            let name = format!("{}{topic}", self.settings.prefix);
            for (partition, head) in (0..).zip(heads) {
                let kept =
                    self.db.query_one_raw(schema::first_kept(&name, partition, not_before)).await?;
                let below = kept.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(*head);
                // Where offsets go on, also when no record is left to tell.
                self.db.execute_raw(schema::upsert_head(&name, partition, *head)).await?;
                let delete = || schema::delete_below((&name, partition), below, SWEEP_CHUNK);
                while self.db.execute_raw(delete()).await?.rows_affected() > 0 {}
            }
        }
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the built-in log's writer is alone on its connection and begins by writing: a plain transaction cannot be refused"
)]
async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    db.begin().await
}

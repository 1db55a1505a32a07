//! The only writer of the built-in log: all waiting requests go into one transaction (group commit).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use contracts::Topic;
use kernel::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, TransactionTrait};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::log_state::LogState;
use super::schema::{self, NewRecord};
use super::settings::BuiltInLogSettings;
use crate::record::TopicPartition;
use crate::{BusError, PublishError, TopicReport};

/// Maximum number of requests in one transaction.
const MAX_REQUESTS: usize = 1024;
/// Maximum number of rows in one statement (SQLite takes 32,766 values).
const MAX_ROWS: usize = 5_000;
/// Delay before settled offsets are written when nothing is published; the records settled meanwhile
/// are delivered again after a kill.
const OFFSET_WRITE_DELAY: Duration = Duration::from_millis(200);
/// Time for which a write proves that the file can be written.
const PROOF: Duration = Duration::from_secs(10);
/// Interval between deletions of expired records.
const SWEEP_INTERVAL: Duration = Duration::from_mins(15);
/// Maximum number of records deleted in one transaction, so that publishing does not wait for a sweep.
const SWEEP_LIMIT: i64 = 2_000;

type PublishReply = oneshot::Sender<Result<(), PublishError>>;
type Reply<T> = oneshot::Sender<Result<T, BusError>>;

/// A request to the writer.
#[derive(Debug)]
pub(crate) enum WriterRequest {
    /// Answered after the commit, synced to disk.
    Publish { records: Vec<NewRecord>, reply: PublishReply },
    /// Answered when every settlement so far is written.
    Flush { reply: Reply<()> },
    /// Creates the missing topics.
    EnsureTopics { topics: Vec<Topic>, reply: Reply<Vec<TopicReport>> },
    /// Deletes every topic under the prefix.
    DeleteTopics { reply: Reply<()> },
}

pub(crate) struct LogWriter {
    db: DatabaseConnection,
    state: Arc<LogState>,
    settings: BuiltInLogSettings,
    heads: HashMap<Topic, Vec<i64>>,
    last_sweep: Option<Timestamp>,
    /// Instant of the last write, if nothing has failed since.
    written_at: Option<Instant>,
}

impl LogWriter {
    pub(crate) async fn open(
        db: DatabaseConnection,
        state: Arc<LogState>,
        settings: BuiltInLogSettings,
    ) -> Result<Self, DbErr> {
        let heads = HashMap::new();
        let mut writer = Self { db, state, settings, heads, last_sweep: None, written_at: None };
        writer.reload_heads().await?;
        writer.sweep_if_due().await;
        Ok(writer)
    }

    /// Serves requests until the log is dropped.
    pub(crate) async fn run(mut self, mut incoming: mpsc::Receiver<WriterRequest>) {
        let mut requests = Vec::with_capacity(MAX_REQUESTS);
        let mut offsets_due: Option<Instant> = None;
        let mut sweep_due = Instant::now() + SWEEP_INTERVAL;
        let state = Arc::clone(&self.state);
        loop {
            tokio::select! {
                biased;
                count = incoming.recv_many(&mut requests, MAX_REQUESTS) => if count == 0 { break },
                () = state.settled_signal.notified(), if offsets_due.is_none() => {
                    offsets_due = Some(Instant::now() + OFFSET_WRITE_DELAY);
                    continue;
                }
                () = sleep_until(offsets_due.unwrap_or_else(Instant::now)), if offsets_due.is_some() => {}
                // Records of topics to which nothing is published expire too.
                () = sleep_until(sweep_due) => {
                    sweep_due = Instant::now() + SWEEP_INTERVAL;
                    self.sweep_if_due().await;
                    continue;
                }
            }
            let write_offsets = offsets_due.take_if(|due| *due <= Instant::now()).is_some();
            self.handle_requests(&mut requests, write_offsets).await;
        }
    }

    async fn handle_requests(&mut self, requests: &mut Vec<WriterRequest>, write_offsets: bool) {
        let mut records = Vec::new();
        let mut publishers = Vec::new();
        let mut others = Vec::new();
        for request in requests.drain(..) {
            match request {
                WriterRequest::Publish { records: mut more, reply } => {
                    records.append(&mut more);
                    publishers.push(reply);
                }
                other => others.push(other),
            }
        }
        if !records.is_empty() {
            self.publish(records, publishers).await;
            self.sweep_if_due().await;
        }
        if write_offsets || !others.is_empty() {
            self.write_offsets().await;
        }
        for other in others {
            self.handle_request(other).await;
        }
    }

    /// Handles a request other than publishing. A caller that no longer waits for the reply is ignored.
    async fn handle_request(&mut self, request: WriterRequest) {
        match request {
            WriterRequest::EnsureTopics { topics, reply } => {
                let _ = reply.send(self.ensure_topics(&topics).await);
            }
            WriterRequest::DeleteTopics { reply } => {
                self.delete_topics().await;
                let _ = reply.send(Ok(()));
            }
            // The settled offsets were written before.
            WriterRequest::Flush { reply } => {
                let _ = reply.send(self.check_writable().await);
            }
            WriterRequest::Publish { .. } => {}
        }
    }

    async fn publish(&mut self, records: Vec<NewRecord>, publishers: Vec<PublishReply>) {
        let changed: HashSet<Topic> =
            records.iter().map(|record| record.topic_partition.topic).collect();
        let result = match self.write_records(records).await {
            Ok(()) => {
                self.written_at = Some(Instant::now());
                self.state.update_heads(&self.heads, &changed);
                Ok(())
            }
            Err(error) => {
                self.written_at = None;
                tracing::error!(%error, "the built-in log could not be written");
                self.reconnect().await;
                if let Err(error) = self.reload_heads().await {
                    tracing::error!(%error, "the built-in log could not be read");
                }
                // A failed commit may have reached the disk.
                Err(PublishError::Unconfirmed)
            }
        };
        for reply in publishers {
            let _ = reply.send(result.clone());
        }
    }

    /// Assigns offsets and writes all records, or none. A single statement is a transaction of its own,
    /// which saves two trips to the database's thread.
    async fn write_records(&mut self, records: Vec<NewRecord>) -> Result<(), DbErr> {
        let now = self.settings.clock.now();
        let mut with_offsets = Vec::with_capacity(records.len());
        for record in records {
            let TopicPartition { topic, partition } = record.topic_partition;
            let heads = self.heads.get_mut(&topic);
            let Some(head) = heads.and_then(|heads| heads.get_mut(partition as usize)) else {
                continue;
            };
            with_offsets.push((*head, record));
            *head += 1;
        }
        let prefix = self.settings.prefix.as_str();
        if with_offsets.len() <= MAX_ROWS {
            self.db.execute_raw(schema::insert_records(prefix, with_offsets, now)).await?;
            return Ok(());
        }
        let tx = begin_transaction(&self.db).await?;
        let mut with_offsets = with_offsets.into_iter().peekable();
        while with_offsets.peek().is_some() {
            let chunk: Vec<_> = with_offsets.by_ref().take(MAX_ROWS).collect();
            tx.execute_raw(schema::insert_records(prefix, chunk, now)).await?;
        }
        tx.commit().await
    }

    /// Writes the settled offsets of all groups.
    async fn write_offsets(&mut self) {
        let offsets = self.state.take_settled();
        if offsets.is_empty() {
            return;
        }
        let upsert = schema::upsert_group_offsets(&self.settings.prefix, &offsets);
        if let Err(error) = self.db.execute_raw(upsert).await {
            tracing::error!(%error, "group offsets could not be written");
            self.written_at = None;
            self.state.restore_settled(offsets);
        }
    }

    /// Checks that the file can be written: by a write of the past seconds, else by one of its own.
    async fn check_writable(&mut self) -> Result<(), BusError> {
        if self.written_at.is_some_and(|at| at.elapsed() < PROOF) {
            return Ok(());
        }
        if let Err(error) = self.db.execute_unprepared("PRAGMA user_version = 1").await {
            self.reconnect().await;
            return Err(error.into());
        }
        self.written_at = Some(Instant::now());
        Ok(())
    }

    /// Replaces the connection: after a failed write nobody knows if a transaction is still open on it,
    /// and later commits would be made inside that one.
    async fn reconnect(&mut self) {
        match schema::connect(&self.settings.file, 1).await {
            Ok(db) => {
                let failed = std::mem::replace(&mut self.db, db);
                if let Err(error) = failed.close().await {
                    tracing::warn!(%error, "a connection of the built-in log could not be closed");
                }
            }
            Err(error) => tracing::error!(%error, "the built-in log could not be opened again"),
        }
    }

    async fn reload_heads(&mut self) -> Result<(), DbErr> {
        self.heads = schema::load_heads(&self.db, &self.settings.prefix).await?;
        let topics = self.heads.keys().copied().collect();
        self.state.update_heads(&self.heads, &topics);
        Ok(())
    }

    async fn ensure_topics(&mut self, topics: &[Topic]) -> Result<Vec<TopicReport>, BusError> {
        let wanted = self.settings.partitions.max(1);
        let mut reports = Vec::new();
        for topic in topics.iter().copied() {
            let existing = self.heads.get(&topic).map(|heads| heads.len() as i32);
            if existing.is_none() {
                let name = self.settings.topic_name(topic);
                self.db.execute_raw(schema::insert_topic(&name, wanted)).await?;
                self.heads.insert(topic, vec![0; wanted as usize]);
            }
            let partitions = existing.unwrap_or(wanted);
            let differences = if partitions == wanted {
                Vec::new()
            } else {
                vec![format!(
                    "{partitions} partitions instead of {wanted}; the number is fixed when a topic is created"
                )]
            };
            let created = existing.is_none();
            reports.push(TopicReport { topic, created, partitions, differences });
        }
        self.state.update_heads(&self.heads, &HashSet::new());
        Ok(reports)
    }

    async fn delete_topics(&mut self) {
        for topic in std::mem::take(&mut self.heads).into_keys() {
            for delete in schema::delete_topic(&self.settings.topic_name(topic)) {
                if let Err(error) = self.db.execute_raw(delete).await {
                    tracing::error!(%error, %topic, "a topic could not be deleted");
                }
            }
        }
        self.state.update_heads(&self.heads, &HashSet::new());
    }

    /// Deletes expired records, also those a group has not handled, as Kafka does.
    async fn sweep_if_due(&mut self) {
        let now = self.settings.clock.now();
        let interval = SWEEP_INTERVAL.min(self.settings.retention);
        if self.last_sweep.is_some_and(|last| now.since(last) < interval) {
            return;
        }
        self.last_sweep = Some(now);
        if let Err(error) = self.sweep(now).await {
            tracing::error!(%error, "expired records could not be deleted");
        }
    }

    async fn sweep(&self, now: Timestamp) -> Result<(), DbErr> {
        let not_before = now.minus(self.settings.retention);
        for (topic, heads) in &self.heads {
            let name = self.settings.topic_name(*topic);
            for (partition, head) in (0..).zip(heads) {
                let retained = schema::select_first_retained(&name, partition, not_before);
                let row = self.db.query_one_raw(retained).await?;
                let below = row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(*head);
                // Offsets continue from here, also when no record is left.
                self.db.execute_raw(schema::upsert_head(&name, partition, *head)).await?;
                let delete = || schema::delete_below(&name, partition, below, SWEEP_LIMIT);
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
async fn begin_transaction(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    db.begin().await
}

#[cfg(test)]
mod tests {
    use kernel::SystemClock;

    use super::*;

    fn records(count: usize) -> Vec<NewRecord> {
        let topic_partition = TopicPartition { topic: Topic::Journal, partition: 0 };
        let record = || NewRecord { topic_partition, key: String::new(), value: vec![7; 100] };
        (0..count).map(|_| record()).collect()
    }

    async fn publish(writer: &mut LogWriter, count: usize) -> Result<(), PublishError> {
        let (reply, answer) = oneshot::channel();
        writer.publish(records(count), vec![reply]).await;
        answer.await.unwrap()
    }

    #[tokio::test]
    async fn after_a_full_disk_every_acknowledged_record_is_in_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bus.db");
        let settings = BuiltInLogSettings::new(file.clone(), Arc::new(SystemClock::new()));
        let db = schema::connect(&file, 1).await.unwrap();
        schema::create_tables(&db).await.unwrap();
        let mut writer =
            LogWriter::open(db, Arc::new(LogState::default()), settings).await.unwrap();
        writer.ensure_topics(&[Topic::Journal]).await.unwrap();
        writer.db.execute_unprepared("PRAGMA max_page_count = 100").await.unwrap();

        // More rows than one statement takes: a transaction, which the full disk ends somewhere.
        assert!(publish(&mut writer, MAX_ROWS + 1).await.is_err());
        assert_eq!(publish(&mut writer, 3).await, Ok(()));

        let heads =
            schema::load_heads(&schema::connect(&file, 1).await.unwrap(), "").await.unwrap();
        assert_eq!(heads[&Topic::Journal][0], 3, "another connection sees what was acknowledged");
    }
}

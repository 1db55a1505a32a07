//! The built-in log: a durable log in SQLite, for one process.

mod lock;
mod log_state;
mod schema;
mod settings;
mod stream;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use contracts::Topic;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::engine::RecordStream;
use crate::partitioner::partition_of;
use crate::record::TopicPartition;
use crate::{BusError, OutgoingRecord, PublishError, Record, TopicReport};
use lock::FileLock;
use log_state::LogState;
use schema::NewRecord;
use writer::{LogWriter, WriterRequest};

pub use settings::BuiltInLogSettings;

/// Maximum number of requests that wait for the writer.
const WRITER_QUEUE_SIZE: usize = 8192;
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

/// The open log. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct BuiltInLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: BuiltInLogSettings,
    readers: DatabaseConnection,
    requests: mpsc::Sender<WriterRequest>,
    state: Arc<LogState>,
    /// The writer's task; it ends with the log.
    _writer: JoinSet<()>,
    /// Held as long as the log is open; dropped last.
    _lock: FileLock,
}

impl BuiltInLog {
    pub(crate) async fn open(settings: BuiltInLogSettings) -> Result<Self, BusError> {
        let lock = FileLock::acquire(&settings.file)?;
        let writer_connection = schema::connect(&settings.file, 1).await?;
        schema::create_tables(&writer_connection).await?;
        let readers = schema::connect(&settings.file, 4).await?;
        let state = Arc::new(LogState::default());
        let (requests, incoming) = mpsc::channel(WRITER_QUEUE_SIZE);
        let writer =
            LogWriter::open(writer_connection, Arc::clone(&state), settings.clone()).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(writer.run(incoming));
        Ok(Self(Arc::new(Inner {
            settings,
            readers,
            requests,
            state,
            _writer: tasks,
            _lock: lock,
        })))
    }

    pub(crate) async fn ensure_topics(
        &self,
        topics: &[Topic],
    ) -> Result<Vec<TopicReport>, BusError> {
        let topics = topics.to_vec();
        self.send_request(|reply| WriterRequest::EnsureTopics { topics, reply }).await
    }

    pub(crate) fn partition_count(&self, topic: Topic) -> Result<i32, BusError> {
        self.0.state.partition_count(topic).ok_or(BusError::UnknownTopic(topic))
    }

    pub(crate) async fn check_health(&self) -> Result<(), BusError> {
        match timeout(HEALTH_TIMEOUT, self.flush()).await {
            Ok(result) => result,
            Err(_) => Err(BusError::Timeout(HEALTH_TIMEOUT)),
        }
    }

    /// Publishes all records in one transaction: if it fails, all fail. A record of an unknown topic fails alone.
    pub(crate) async fn publish_many(
        &self,
        records: Vec<OutgoingRecord>,
    ) -> Vec<Result<(), PublishError>> {
        let mut results = Vec::with_capacity(records.len());
        let mut new_records = Vec::with_capacity(records.len());
        for OutgoingRecord { topic, key, value, to_every_partition } in records {
            let Some(partitions) = self.0.state.partition_count(topic) else {
                results
                    .push(Err(PublishError::Refused(format!("the topic {topic} does not exist"))));
                continue;
            };
            if to_every_partition {
                new_records.extend((0..partitions).map(|partition| NewRecord {
                    topic_partition: TopicPartition { topic, partition },
                    key: key.clone(),
                    value: value.clone(),
                }));
            } else {
                let partition = partition_of(&key, partitions);
                let topic_partition = TopicPartition { topic, partition };
                new_records.push(NewRecord { topic_partition, key, value });
            }
            results.push(Ok(()));
        }
        match self.write(new_records).await {
            Ok(()) => results,
            Err(error) => vec![Err(error); results.len()],
        }
    }

    async fn write(&self, records: Vec<NewRecord>) -> Result<(), PublishError> {
        if records.is_empty() {
            return Ok(());
        }
        let (reply, written) = oneshot::channel();
        self.0.requests.try_send(WriterRequest::Publish { records, reply }).map_err(|error| {
            match error {
                mpsc::error::TrySendError::Full(_) => PublishError::QueueFull,
                mpsc::error::TrySendError::Closed(_) => PublishError::Unavailable,
            }
        })?;
        written.await.unwrap_or(Err(PublishError::Unconfirmed))
    }

    /// Sums the lag of these groups, or of all.
    pub(crate) async fn total_lag(&self, groups: Option<&[&str]>) -> Result<u64, BusError> {
        let missing = groups.into_iter().flatten().find(|group| !self.0.state.is_reading(group));
        if let Some(missing) = missing {
            return Err(BusError::GroupNotReading((*missing).to_owned()));
        }
        self.flush().await?;
        let mut sum = 0;
        for row in self.0.readers.query_all_raw(schema::count_lag(&self.0.settings.prefix)).await? {
            let group: String = row.try_get_by_index(0)?;
            let lag: i64 = row.try_get_by_index(1)?;
            if groups.is_none_or(|groups| groups.contains(&group.as_str())) {
                sum += u64::try_from(lag).unwrap_or(0);
            }
        }
        Ok(sum)
    }

    pub(crate) async fn epoch(&self, name: &str) -> Result<i64, BusError> {
        let row = self.0.readers.query_one_raw(schema::select_epoch(name)).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?.unwrap_or(0))
    }

    pub(crate) async fn set_epoch(&self, name: &str, epoch: i64) -> Result<(), BusError> {
        self.0.readers.execute_raw(schema::upsert_epoch(name, epoch)).await?;
        Ok(())
    }

    pub(crate) async fn read_all(&self, topic: Topic) -> Result<Vec<Record>, BusError> {
        let mut all = Vec::new();
        for partition in 0..self.partition_count(topic)? {
            let topic_partition = TopicPartition { topic, partition };
            all.extend(self.read_records(topic_partition, 0, i64::from(u32::MAX)).await?);
        }
        Ok(all)
    }

    pub(crate) async fn delete_topics(&self) {
        if self.0.settings.prefix.is_empty() {
            tracing::warn!("topics without a prefix are not deleted");
        } else if let Err(error) =
            self.send_request(|reply| WriterRequest::DeleteTopics { reply }).await
        {
            tracing::warn!(%error, "the topics could not be deleted");
        }
    }

    pub(crate) async fn open_stream(
        &self,
        group: &str,
        topics: &[Topic],
    ) -> Result<RecordStream, BusError> {
        stream::open(self, group, topics).await
    }

    /// Reads at most `limit` records of a partition from this offset on.
    async fn read_records(
        &self,
        topic_partition: TopicPartition,
        from: i64,
        limit: i64,
    ) -> Result<Vec<Record>, BusError> {
        let TopicPartition { topic, partition } = topic_partition;
        let topic_name = self.0.settings.topic_name(topic);
        let select = schema::select_records(&topic_name, partition, from, limit);
        let rows = self.0.readers.query_all_raw(select).await?;
        let records = rows.iter().map(|row| schema::record_from_row(topic_partition, row));
        Ok(records.collect::<Result<_, _>>()?)
    }

    /// Writes the offsets settled so far.
    async fn flush(&self) -> Result<(), BusError> {
        self.send_request(|reply| WriterRequest::Flush { reply }).await
    }

    async fn send_request<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, BusError>>) -> WriterRequest,
    ) -> Result<T, BusError> {
        let (reply, answer) = oneshot::channel();
        self.0.requests.send(request(reply)).await.map_err(|_closed| BusError::Closed)?;
        answer.await.unwrap_or(Err(BusError::Closed))
    }
}

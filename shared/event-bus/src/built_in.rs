//! The built-in log: a durable log in SQLite, for one process.

mod feed;
mod lock;
mod schema;
mod shelf;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use contracts::Topic;
use kernel::Clock;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::engine::Feed;
use crate::partitioner::partition_of;
use crate::{BusError, OutgoingRecord, PublishError, Record, TopicReport};
use lock::Lock;
use shelf::{Place, Shelf};
use writer::{Request, Row, Writer};

/// What its database says when it fails.
pub(crate) type DatabaseError = sea_orm::DbErr;

/// How many publishes may wait for the writer.
const QUEUE: usize = 8192;
const HEALTH_PATIENCE: Duration = Duration::from_secs(1);

/// Where the built-in log lies and how it keeps its records.
#[derive(Clone, Debug)]
pub struct BuiltInLogSettings {
    /// The SQLite file.
    pub file: PathBuf,
    /// Put before every topic's name (a test's own; empty otherwise).
    pub prefix: String,
    /// How many partitions a new topic gets.
    pub partitions: i32,
    /// How long a record is kept.
    pub retention: Duration,
    /// Tells when a record came and when it may go.
    pub clock: Arc<dyn Clock>,
}

impl BuiltInLogSettings {
    /// The log in this file, with 12 partitions and 48 hours.
    pub fn new(file: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            file: file.into(),
            prefix: String::new(),
            partitions: contracts::DEFAULT_PARTITIONS,
            retention: Duration::from_hours(48),
            clock,
        }
    }
}

/// The open log. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: BuiltInLogSettings,
    readers: DatabaseConnection,
    requests: mpsc::Sender<Request>,
    shelf: Arc<Shelf>,
    /// The writer's task: it ends with the log.
    _writer: JoinSet<()>,
    /// Held as long as the log is open; the last to be dropped.
    _lock: Lock,
}

impl Log {
    pub(crate) async fn open(settings: BuiltInLogSettings) -> Result<Self, BusError> {
        let lock = Lock::take(&settings.file)?;
        let writing = schema::connect(&settings.file, 1).await?;
        schema::create(&writing).await?;
        let readers = schema::connect(&settings.file, 4).await?;
        let shelf = Arc::new(Shelf::default());
        let (requests, incoming) = mpsc::channel(QUEUE);
        let writer = Writer::open(writing, Arc::clone(&shelf), settings.clone()).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(writer.run(incoming));
        Ok(Self(Arc::new(Inner {
            settings,
            readers,
            requests,
            shelf,
            _writer: tasks,
            _lock: lock,
        })))
    }

    pub(crate) async fn ensure_topics(
        &self,
        topics: &[Topic],
    ) -> Result<Vec<TopicReport>, BusError> {
        let topics = topics.to_vec();
        self.ask(|done| Request::Ensure { topics, done }).await?
    }

    pub(crate) async fn check_health(&self) -> Result<(), BusError> {
        match timeout(HEALTH_PATIENCE, self.flush()).await {
            Ok(answer) => answer,
            Err(_) => Err(BusError::Timeout(HEALTH_PATIENCE)),
        }
    }

    pub(crate) async fn publish_many(
        &self,
        records: Vec<OutgoingRecord>,
    ) -> Vec<Result<(), PublishError>> {
        let count = records.len();
        match self.publish_all(records).await {
            Ok(answers) => answers,
            Err(error) => vec![Err(error); count],
        }
    }

    /// All in one transaction: an error means all of them, but for records of topics that do not exist.
    async fn publish_all(
        &self,
        records: Vec<OutgoingRecord>,
    ) -> Result<Vec<Result<(), PublishError>>, PublishError> {
        let mut answers = Vec::with_capacity(records.len());
        let mut rows = Vec::with_capacity(records.len());
        for OutgoingRecord { topic, key, value, to_every_partition } in records {
            let Some(partitions) = self.0.shelf.partitions(topic) else {
                answers
                    .push(Err(PublishError::Refused(format!("the topic {topic} does not exist"))));
                continue;
            };
            if to_every_partition {
                let row =
                    |partition| Row { topic, partition, key: key.clone(), value: value.clone() };
                rows.extend((0..partitions).map(row));
            } else {
                rows.push(Row { topic, partition: partition_of(&key, partitions), key, value });
            }
            answers.push(Ok(()));
        }
        if rows.is_empty() {
            return Ok(answers);
        }
        let (done, answer) = oneshot::channel();
        self.0.requests.try_send(Request::Publish { rows, done }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PublishError::QueueFull,
            mpsc::error::TrySendError::Closed(_) => PublishError::Unavailable,
        })?;
        let written = answer.await.unwrap_or(Err(PublishError::Unconfirmed));
        written.map(|()| answers)
    }

    pub(crate) async fn total_lag(&self, only: Option<&[&str]>) -> Result<u64, BusError> {
        let missing = only.into_iter().flatten().find(|group| !self.0.shelf.reads(group));
        if let Some(missing) = missing {
            return Err(BusError::GroupNotReading((*missing).to_owned()));
        }
        self.flush().await?;
        let mut sum = 0;
        for row in self.0.readers.query_all_raw(schema::unhandled(&self.0.settings.prefix)).await? {
            let (group, count): (String, i64) =
                (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            if only.is_none_or(|only| only.contains(&group.as_str())) {
                sum += u64::try_from(count).unwrap_or(0);
            }
        }
        Ok(sum)
    }

    pub(crate) async fn read_all(&self, topic: Topic) -> Result<Vec<Record>, BusError> {
        let partitions = self.0.shelf.partitions(topic).ok_or(BusError::UnknownTopic(topic))?;
        let mut all = Vec::new();
        for partition in 0..partitions {
            all.extend(self.read(Place { topic, partition }, 0, i64::from(u32::MAX)).await?);
        }
        Ok(all)
    }

    pub(crate) async fn delete_topics(&self) {
        if self.0.settings.prefix.is_empty() {
            tracing::warn!("a log without a prefix is not a test's: its topics stay");
        } else if let Err(error) = self.ask(|done| Request::Delete { done }).await {
            tracing::warn!(%error, "the topics could not be deleted");
        }
    }

    pub(crate) async fn feed(&self, group: &str, topics: &[Topic]) -> Result<Feed, BusError> {
        feed::open(self, group, topics).await
    }

    /// At most `limit` records of a partition from this offset on.
    async fn read(&self, place: Place, from: i64, limit: i64) -> Result<Vec<Record>, BusError> {
        let name = self.name(place.topic);
        let rows = self
            .0
            .readers
            .query_all_raw(schema::records(&name, place.partition, from, limit))
            .await?;
        Ok(rows.iter().map(|row| schema::record(place, row)).collect::<Result<_, _>>()?)
    }

    /// Writes what has been settled so far.
    async fn flush(&self) -> Result<(), BusError> {
        self.ask(|done| Request::Flush { done }).await?
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, BusError> {
        let (done, answer) = oneshot::channel();
        let closed = |_| BusError::Closed;
        self.0.requests.send(request(done)).await.map_err(|_gone| BusError::Closed)?;
        answer.await.map_err(closed)
    }

    fn name(&self, topic: Topic) -> String {
        format!("{}{topic}", self.0.settings.prefix)
    }
}

//! The bus: one face for the built-in log and Apache Kafka.

use contracts::Topic;

use crate::built_in::Log;
use crate::engine::Feed;
use crate::kafka::Kafka;
use crate::publisher::Via;
use crate::{BuiltInLogSettings, BusError, KafkaSettings, Publisher, PublisherKind, Record};

/// What `ensure_topics` found or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicReport {
    /// The topic.
    pub topic: Topic,
    /// Whether it was made just now.
    pub created: bool,
    /// How many partitions it has.
    pub partitions: i32,
    /// What differs from what the settings ask for; an existing topic is never changed.
    pub differences: Vec<String>,
}

/// The log and its clients. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bus(Transport);

#[derive(Clone, Debug)]
enum Transport {
    Kafka(Kafka),
    BuiltIn(Log),
}

impl Bus {
    /// Prepares clients of a Kafka cluster. The brokers need not be up: nothing waits for them here.
    pub async fn open_kafka(settings: KafkaSettings) -> Result<Self, BusError> {
        Ok(Self(Transport::Kafka(Kafka::open(settings)?)))
    }

    /// Opens (or makes) the built-in log. It is for one process only.
    pub async fn open_built_in(settings: BuiltInLogSettings) -> Result<Self, BusError> {
        Ok(Self(Transport::BuiltIn(Log::open(settings).await?)))
    }

    /// Whether this is the built-in log.
    pub fn is_built_in(&self) -> bool {
        matches!(self.0, Transport::BuiltIn(_))
    }

    /// Makes the topics that are missing and says how the others differ from the settings.
    pub async fn ensure_topics(&self, topics: &[Topic]) -> Result<Vec<TopicReport>, BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.ensure_topics(topics).await,
            Transport::BuiltIn(log) => log.ensure_topics(topics).await,
        }
    }

    /// Makes both producers ready, so that the first record does not pay for the handshake (about a second).
    pub async fn warm_up(&self) -> Result<(), BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.warm_up().await,
            Transport::BuiltIn(_) => Ok(()),
        }
    }

    /// Whether the log answers now; asks for at most a second.
    pub async fn check_health(&self) -> Result<(), BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.check_health().await,
            Transport::BuiltIn(log) => log.check_health().await,
        }
    }

    /// A publisher; all of one kind share one producer.
    pub fn publisher(&self, kind: PublisherKind) -> Publisher {
        match &self.0 {
            Transport::Kafka(kafka) => Publisher(Via::Kafka(kafka.producer(kind))),
            Transport::BuiltIn(log) => Publisher(Via::BuiltIn(log.clone())),
        }
    }

    /// How many (record, group) pairs are not settled yet: in the built-in log over every group that ever
    /// read it, on Kafka over the groups that read in this process.
    pub async fn total_lag(&self) -> Result<u64, BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.total_lag(None).await,
            Transport::BuiltIn(log) => log.total_lag(None).await,
        }
    }

    /// How many records these groups have not settled yet. An error while one of them has not begun to
    /// read in this process: nobody knows then.
    pub async fn lag_of_groups(&self, groups: &[&str]) -> Result<u64, BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.total_lag(Some(groups)).await,
            Transport::BuiltIn(log) => log.total_lag(Some(groups)).await,
        }
    }

    /// Everything that is in the topic now, by partition and offset. For tests and operators.
    pub async fn read_all(&self, topic: Topic) -> Result<Vec<Record>, BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.read_all(topic).await,
            Transport::BuiltIn(log) => log.read_all(topic).await,
        }
    }

    /// Deletes every topic under this bus's prefix. For tests: without a prefix nothing is deleted.
    pub async fn delete_topics(&self) {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.delete_topics().await,
            Transport::BuiltIn(log) => log.delete_topics().await,
        }
    }

    pub(crate) async fn feed(&self, group: &str, topics: &[Topic]) -> Result<Feed, BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.feed(group, topics),
            Transport::BuiltIn(log) => log.feed(group, topics).await,
        }
    }
}

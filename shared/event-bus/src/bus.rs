//! The bus: one interface to the built-in log and Apache Kafka.

use contracts::Topic;

use crate::built_in::BuiltInLog;
use crate::engine::RecordStream;
use crate::kafka::KafkaCluster;
use crate::publisher::PublisherTransport;
use crate::{
    BuiltInLogSettings, BusError, KafkaSettings, Publisher, PublisherKind, Record, TopicReport,
};

/// The log and its clients. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bus(Transport);

#[derive(Clone, Debug)]
enum Transport {
    Kafka(KafkaCluster),
    BuiltIn(BuiltInLog),
}

impl Bus {
    /// Creates the clients of a Kafka cluster. The brokers need not be reachable yet.
    pub async fn open_kafka(settings: KafkaSettings) -> Result<Self, BusError> {
        Ok(Self(Transport::Kafka(KafkaCluster::open(settings)?)))
    }

    /// Opens (or creates) the built-in log. It is for one process only.
    pub async fn open_built_in(settings: BuiltInLogSettings) -> Result<Self, BusError> {
        Ok(Self(Transport::BuiltIn(BuiltInLog::open(settings).await?)))
    }

    /// Returns true if this is the built-in log.
    pub fn is_built_in(&self) -> bool {
        matches!(self.0, Transport::BuiltIn(_))
    }

    /// Creates the missing topics and reports differences of the others from the settings.
    pub async fn ensure_topics(&self, topics: &[Topic]) -> Result<Vec<TopicReport>, BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.ensure_topics(topics).await,
            Transport::BuiltIn(log) => log.ensure_topics(topics).await,
        }
    }

    /// Returns the number of partitions of a topic; an unknown topic is an error and is not created.
    pub async fn partition_count(&self, topic: Topic) -> Result<i32, BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.partition_count(topic).await,
            Transport::BuiltIn(log) => log.partition_count(topic),
        }
    }

    /// Prepares both producers, so that the first record does not wait for the handshake (about a second).
    pub async fn warm_up(&self) -> Result<(), BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.warm_up().await,
            Transport::BuiltIn(_) => Ok(()),
        }
    }

    /// Checks that the log answers, within a second.
    pub async fn check_health(&self) -> Result<(), BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.check_health().await,
            Transport::BuiltIn(log) => log.check_health().await,
        }
    }

    /// Returns a publisher; all of one kind share one producer.
    pub fn publisher(&self, kind: PublisherKind) -> Publisher {
        Publisher(match &self.0 {
            Transport::Kafka(kafka) => PublisherTransport::Kafka(kafka.producer(kind)),
            Transport::BuiltIn(log) => PublisherTransport::BuiltIn(log.clone()),
        })
    }

    /// Returns the number of unsettled (record, group) pairs: in the built-in log over every group that ever
    /// read it, on Kafka over the groups that read in this process.
    pub async fn total_lag(&self) -> Result<u64, BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.total_lag(None).await,
            Transport::BuiltIn(log) => log.total_lag(None).await,
        }
    }

    /// Returns the number of records these groups have not settled. An error while one of them has not
    /// begun to read in this process, for its lag is unknown then.
    pub async fn lag_of_groups(&self, groups: &[&str]) -> Result<u64, BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.total_lag(Some(groups)).await,
            Transport::BuiltIn(log) => log.total_lag(Some(groups)).await,
        }
    }

    /// Returns the last epoch of this name, 0 before the first: a number that lives in the log and outlasts a database.
    pub async fn epoch(&self, name: &str) -> Result<i64, BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.epoch(name).await,
            Transport::BuiltIn(log) => log.epoch(name).await,
        }
    }

    /// Sets the epoch of this name.
    pub async fn set_epoch(&self, name: &str, epoch: i64) -> Result<(), BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.set_epoch(name, epoch).await,
            Transport::BuiltIn(log) => log.set_epoch(name, epoch).await,
        }
    }

    /// Returns all records of the topic by partition and offset. For tests and operators.
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

    pub(crate) async fn open_stream(
        &self,
        group: &str,
        topics: &[Topic],
    ) -> Result<RecordStream, BusError> {
        match &self.0 {
            Transport::Kafka(kafka) => kafka.open_stream(group, topics),
            Transport::BuiltIn(log) => log.open_stream(group, topics).await,
        }
    }
}

//! What can go wrong on the bus, in words that hold for both transports.

use std::path::PathBuf;

use contracts::Topic;

use crate::built_in::DatabaseError;

/// Why a record was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Too much is under way already; nothing was taken.
    #[error("the publisher's queue is full")]
    QueueFull,
    /// No answer in time. The record may still arrive, so any fallback reuses the event id.
    #[error("the log did not answer in time; the record may still arrive")]
    Unconfirmed,
    /// The log will never take this record.
    #[error("the log refused the record: {0}")]
    Refused(String),
    /// The log cannot be reached; nothing was taken.
    #[error("the log is away")]
    Unavailable,
}

/// Why the bus could not be opened, prepared or asked.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Another process has the built-in log open.
    #[error(
        "the built-in log {file} is in use by another process; it is for one process only, more need --kafka"
    )]
    LogInUse {
        /// The log's file.
        file: PathBuf,
    },
    /// The same group already reads the built-in log in this process.
    #[error("the group {group} already reads the built-in log; it has one reader per group")]
    GroupBusy {
        /// The group.
        group: String,
    },
    /// The log's file could not be opened or written.
    #[error("the file {file} cannot be used")]
    File {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The built-in log's database failed.
    #[error("the built-in log failed")]
    Database(#[from] DatabaseError),
    /// The client refused its settings, or the broker an operation.
    #[error("Kafka: {doing}")]
    Kafka {
        /// What was tried.
        doing: String,
        /// What came back.
        source: rdkafka::error::KafkaError,
    },
    /// The broker did not do an operation on a topic.
    #[error("the topic {topic} could not be prepared: {reason}")]
    TopicSetup {
        /// The topic, as the broker knows it.
        topic: String,
        /// What the broker said.
        reason: String,
    },
    /// A topic was asked for that was never made.
    #[error("the topic {0} does not exist")]
    UnknownTopic(Topic),
    /// A question about a group that does not read.
    #[error("the group {0} has not begun to read")]
    GroupNotReading(String),
    /// The bus does not answer.
    #[error("the bus did not answer within {0:?}")]
    Timeout(std::time::Duration),
    /// The bus is closing.
    #[error("the bus is closed")]
    Closed,
}

impl BusError {
    pub(crate) fn kafka(
        doing: impl Into<String>,
    ) -> impl FnOnce(rdkafka::error::KafkaError) -> Self {
        let doing = doing.into();
        move |source| Self::Kafka { doing, source }
    }
}

//! Errors of the bus, the same for both transports.

use std::path::PathBuf;

use contracts::Topic;

/// The reason why a record was not acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The publisher's queue is full; nothing was taken.
    #[error("the publisher's queue is full")]
    QueueFull,
    /// No acknowledgement in time. The record may still arrive, so any fallback reuses the event id.
    #[error("the log did not answer in time; the record may still arrive")]
    Unconfirmed,
    /// The log will never take this record.
    #[error("the log refused the record: {0}")]
    Refused(String),
    /// The log cannot be reached; nothing was taken.
    #[error("the log is unavailable")]
    Unavailable,
}

/// The reason why the bus could not be opened, prepared or queried.
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
    /// A file could not be opened or written.
    #[error("the file {file} cannot be used")]
    File {
        /// The file.
        file: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The built-in log's database failed.
    #[error("the built-in log failed")]
    Database(#[from] sea_orm::DbErr),
    /// The client refused its settings, or the broker an operation.
    #[error("Kafka: {operation}")]
    Kafka {
        /// The operation that failed.
        operation: String,
        /// The client's error.
        source: rdkafka::error::KafkaError,
    },
    /// The broker did not create or delete a topic.
    #[error("the topic {topic} could not be prepared: {reason}")]
    TopicSetup {
        /// The topic's name on the broker.
        topic: String,
        /// The broker's reason.
        reason: String,
    },
    /// The topic does not exist.
    #[error("the topic {0} does not exist")]
    UnknownTopic(Topic),
    /// The group does not read in this process, so its lag is unknown.
    #[error("the group {0} has not begun to read")]
    GroupNotReading(String),
    /// The bus did not answer in time.
    #[error("the bus did not answer within {0:?}")]
    Timeout(std::time::Duration),
    /// The bus is closing.
    #[error("the bus is closed")]
    Closed,
}

impl BusError {
    /// Returns a function that wraps a client's error with the operation that failed.
    pub(crate) fn kafka(
        operation: impl Into<String>,
    ) -> impl FnOnce(rdkafka::error::KafkaError) -> Self {
        let operation = operation.into();
        move |source| Self::Kafka { operation, source }
    }
}

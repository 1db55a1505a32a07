//! Handlers, publishers and the two transports: Apache Kafka and the built-in log.
#![warn(missing_docs)]

mod built_in;
mod bus;
mod engine;
mod error;
mod handler;
mod kafka;
mod partitioner;
mod publisher;
mod publisher_kind;
mod record;
mod subscription;
mod topic_report;

pub use built_in::BuiltInLogSettings;
pub use bus::Bus;
pub use engine::METRICS;
pub use error::{BusError, PublishError};
pub use handler::{HandleError, Handler, Parking};
pub use kafka::{KafkaSettings, Scram, ScramMechanism, Security};
pub use publisher::Publisher;
pub use publisher_kind::PublisherKind;
pub use record::{OutgoingRecord, Received, Record};
pub use subscription::Subscription;
pub use topic_report::TopicReport;

//! Publishing: one face for both transports.

use contracts::{MAX_RECORD_BYTES, Topic};

use crate::built_in::Log;
use crate::kafka::Producer;
use crate::{OutgoingRecord, PublishError};

/// What a publisher is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PublisherKind {
    /// Answers a webhook: at once, and gives up after 1.2 s.
    Intake,
    /// Works off an outbox: lingers, compresses, waits up to 30 s.
    Relay,
}

/// Puts records into the log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Publisher(pub(crate) Via);

#[derive(Clone, Debug)]
pub(crate) enum Via {
    Kafka(Producer),
    BuiltIn(Log),
}

impl Publisher {
    /// Returns when the record is durable: acknowledged by all in-sync replicas, or synced to disk.
    pub async fn publish(
        &self,
        topic: Topic,
        key: &str,
        value: Vec<u8>,
    ) -> Result<(), PublishError> {
        self.one(OutgoingRecord { topic, key: key.to_owned(), value, to_every_partition: false })
            .await
    }

    /// Publishes in the order given (which is kept within a key as long as nothing fails), awaited together.
    /// The answers are in the order of the records.
    pub async fn publish_many(
        &self,
        records: Vec<OutgoingRecord>,
    ) -> Vec<Result<(), PublishError>> {
        let sizes: Vec<_> = records.iter().map(fits).collect();
        if sizes.iter().all(Result::is_ok) {
            return match &self.0 {
                Via::Kafka(producer) => producer.publish_many(records).await,
                Via::BuiltIn(log) => log.publish_many(records).await,
            };
        }
        let fitting = records
            .into_iter()
            .zip(&sizes)
            .filter_map(|(record, fits)| fits.is_ok().then_some(record));
        let mut answers = Box::pin(self.publish_many(fitting.collect())).await.into_iter();
        sizes
            .into_iter()
            .map(|fits| {
                fits.and_then(|()| answers.next().unwrap_or(Err(PublishError::Unconfirmed)))
            })
            .collect()
    }

    /// Puts a copy on every partition of the topic; an error means that some may have it and some not.
    pub async fn publish_to_every_partition(
        &self,
        topic: Topic,
        value: Vec<u8>,
    ) -> Result<(), PublishError> {
        self.one(OutgoingRecord { topic, key: String::new(), value, to_every_partition: true })
            .await
    }

    async fn one(&self, record: OutgoingRecord) -> Result<(), PublishError> {
        let mut answers = self.publish_many(vec![record]).await;
        answers.pop().unwrap_or(Err(PublishError::Unconfirmed))
    }
}

fn fits(record: &OutgoingRecord) -> Result<(), PublishError> {
    if record.value.len() > MAX_RECORD_BYTES {
        return Err(PublishError::Refused(format!(
            "{} bytes are more than the {MAX_RECORD_BYTES} a record may have",
            record.value.len()
        )));
    }
    Ok(())
}

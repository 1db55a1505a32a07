//! Publishing, the same for both transports.

use contracts::{MAX_RECORD_BYTES, Topic};

use crate::built_in::BuiltInLog;
use crate::kafka::Producer;
use crate::{OutgoingRecord, PublishError};

/// Publishes records to the log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Publisher(pub(crate) PublisherTransport);

#[derive(Clone, Debug)]
pub(crate) enum PublisherTransport {
    Kafka(Producer),
    BuiltIn(BuiltInLog),
}

impl Publisher {
    /// Publishes a record; returns when it is durable: acknowledged by all in-sync replicas, or synced to disk.
    pub async fn publish(
        &self,
        topic: Topic,
        key: &str,
        value: Vec<u8>,
    ) -> Result<(), PublishError> {
        let key = key.to_owned();
        self.publish_one(OutgoingRecord { topic, key, value, to_every_partition: false }).await
    }

    /// Publishes records in the order given (which is kept within a key as long as nothing fails), awaited
    /// together. The results are in the order of the records.
    pub async fn publish_many(
        &self,
        records: Vec<OutgoingRecord>,
    ) -> Vec<Result<(), PublishError>> {
        let sizes: Vec<_> = records.iter().map(check_size).collect();
        if sizes.iter().all(Result::is_ok) {
            return match &self.0 {
                PublisherTransport::Kafka(producer) => producer.publish_many(records).await,
                PublisherTransport::BuiltIn(log) => log.publish_many(records).await,
            };
        }
        let fitting = records
            .into_iter()
            .zip(&sizes)
            .filter_map(|(record, size)| size.is_ok().then_some(record));
        let mut results = Box::pin(self.publish_many(fitting.collect())).await.into_iter();
        sizes
            .into_iter()
            .map(|size| {
                size.and_then(|()| results.next().unwrap_or(Err(PublishError::Unconfirmed)))
            })
            .collect()
    }

    /// Publishes a copy to every partition of the topic; after an error some partitions may have it and some not.
    pub async fn publish_to_every_partition(
        &self,
        topic: Topic,
        value: Vec<u8>,
    ) -> Result<(), PublishError> {
        let key = String::new();
        self.publish_one(OutgoingRecord { topic, key, value, to_every_partition: true }).await
    }

    async fn publish_one(&self, record: OutgoingRecord) -> Result<(), PublishError> {
        let mut results = self.publish_many(vec![record]).await;
        results.pop().unwrap_or(Err(PublishError::Unconfirmed))
    }
}

fn check_size(record: &OutgoingRecord) -> Result<(), PublishError> {
    if record.value.len() > MAX_RECORD_BYTES {
        return Err(PublishError::Refused(format!(
            "{} bytes are more than the {MAX_RECORD_BYTES} a record may have",
            record.value.len()
        )));
    }
    Ok(())
}

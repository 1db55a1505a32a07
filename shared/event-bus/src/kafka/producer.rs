//! Producers: one per kind, replaced when librdkafka declares it dead.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use contracts::Topic;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use tokio::time::sleep;

use super::config::LoggingContext;
use super::requests::{ADMIN_TIMEOUT, TopicMetadata, fetch_topic_metadata, run_blocking};
use super::{KafkaSettings, config, outage};
use crate::{BusError, OutgoingRecord, PublishError, PublisherKind};

/// Time after which a new idempotent producer has its id, which it asks for on a 500 ms timer.
const PRODUCER_ID_DELAY: Duration = Duration::from_millis(650);

type Client = Arc<FutureProducer<LoggingContext>>;

/// One producer, shared by all publishers of its kind. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Producer(Arc<Inner>);

struct Inner {
    settings: KafkaSettings,
    kind: PublisherKind,
    current: RwLock<CurrentClient>,
}

struct CurrentClient {
    client: Client,
    created_at: Instant,
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Producer").field(&self.0.kind).finish_non_exhaustive()
    }
}

impl Producer {
    pub(crate) fn open(settings: &KafkaSettings, kind: PublisherKind) -> Result<Self, BusError> {
        let current = RwLock::new(create_client(settings, kind)?);
        Ok(Self(Arc::new(Inner { settings: settings.clone(), kind, current })))
    }

    pub(crate) async fn publish_many(
        &self,
        records: Vec<OutgoingRecord>,
    ) -> Vec<Result<(), PublishError>> {
        let client = self.client();
        let mut sent: Vec<Result<Vec<DeliveryFuture>, PublishError>> =
            Vec::with_capacity(records.len());
        for record in &records {
            // Once the queue is full nothing more of this call is sent: a later record must not overtake.
            if let Some(Err(full @ (PublishError::QueueFull | PublishError::Unavailable))) =
                sent.last()
            {
                sent.push(Err(full.clone()));
                continue;
            }
            sent.push(match self.target_partitions(record).await {
                Ok(partitions) => partitions
                    .into_iter()
                    .map(|partition| self.send(&client, record, partition))
                    .collect(),
                Err(error) => Err(error),
            });
        }
        let mut results = Vec::with_capacity(sent.len());
        for deliveries in sent {
            results.push(match deliveries {
                Ok(deliveries) => await_deliveries(deliveries).await,
                Err(error) => Err(error),
            });
        }
        if results.iter().any(Result::is_err) {
            self.replace_if_dead(&client);
        }
        if results.iter().any(Result::is_ok) {
            outage::record_answer();
        }
        results
    }

    /// Waits until the producer has its id and knows the topics.
    pub(crate) async fn warm_up(&self) -> Result<(), BusError> {
        let client = self.client();
        run_blocking("asking for the topics", move || {
            client
                .client()
                .fetch_metadata(None, ADMIN_TIMEOUT)
                .map_err(BusError::kafka("asking for the topics"))
        })
        .await?;
        let created_at = self.0.current.read().unwrap_or_else(PoisonError::into_inner).created_at;
        sleep(PRODUCER_ID_DELAY.saturating_sub(created_at.elapsed())).await;
        Ok(())
    }

    pub(crate) async fn check_health(&self, timeout: Duration) -> Result<(), BusError> {
        let (client, name) = (self.client(), self.0.settings.topic_name(Topic::StravaEvents));
        run_blocking("checking the broker", move || {
            let metadata = client.client().fetch_metadata(Some(&name), timeout);
            metadata.map(drop).map_err(BusError::kafka("asking for the topics"))
        })
        .await
    }

    /// Asks the brokers for a topic, without creating it; none if they do not know it.
    pub(crate) async fn topic_metadata(
        &self,
        topic: Topic,
    ) -> Result<Option<TopicMetadata>, BusError> {
        let (client, name) = (self.client(), self.0.settings.topic_name(topic));
        run_blocking("asking for the topics", move || fetch_topic_metadata(client.client(), &name))
            .await
    }

    pub(crate) fn client(&self) -> Client {
        let current = self.0.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current.client)
    }

    /// Returns the partitions a record is sent to: the one of its key (none), or every one.
    async fn target_partitions(
        &self,
        record: &OutgoingRecord,
    ) -> Result<Vec<Option<i32>>, PublishError> {
        if !record.to_every_partition {
            return Ok(vec![None]);
        }
        match self.topic_metadata(record.topic).await {
            Ok(Some(topic)) if topic.has_leaders => Ok((0..topic.partitions).map(Some).collect()),
            // A partition without a leader, a topic that does not exist yet, or no broker.
            _ => Err(PublishError::Unavailable),
        }
    }

    fn send(
        &self,
        client: &Client,
        record: &OutgoingRecord,
        partition: Option<i32>,
    ) -> Result<DeliveryFuture, PublishError> {
        let name = self.0.settings.topic_name(record.topic);
        let mut outgoing =
            FutureRecord::to(&name).key(record.key.as_str()).payload(record.value.as_slice());
        outgoing.partition = partition;
        client.send_result(outgoing).map_err(|(error, _)| match error {
            KafkaError::MessageProduction(Code::QueueFull) => PublishError::QueueFull,
            KafkaError::MessageProduction(
                Code::Fatal | Code::BrokerTransportFailure | Code::AllBrokersDown,
            ) => PublishError::Unavailable,
            error => to_publish_error(&error),
        })
    }

    /// Replaces a producer after a fatal error, from which an idempotent one never recovers.
    fn replace_if_dead(&self, client: &Client) {
        let Some((code, reason)) = client.client().fatal_error() else { return };
        let kind = self.0.kind;
        let mut current = self.0.current.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current.client, client) {
            return;
        }
        match create_client(&self.0.settings, kind) {
            Ok(new) => {
                tracing::error!(
                    ?code,
                    reason,
                    ?kind,
                    "the producer failed for good and was replaced"
                );
                *current = new;
            }
            Err(error) => {
                tracing::error!(%error, ?kind, "the producer failed for good and could not be replaced");
            }
        }
    }
}

fn create_client(settings: &KafkaSettings, kind: PublisherKind) -> Result<CurrentClient, BusError> {
    let client = config::producer_config(settings, kind)
        .create_with_context(LoggingContext)
        .map_err(BusError::kafka("creating a producer"))?;
    Ok(CurrentClient { client: Arc::new(client), created_at: Instant::now() })
}

async fn await_deliveries(deliveries: Vec<DeliveryFuture>) -> Result<(), PublishError> {
    let mut result = Ok(());
    for delivery in deliveries {
        result = result.and(match delivery.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((error, _))) => Err(to_publish_error(&error)),
            Err(_) => Err(PublishError::Unconfirmed),
        });
    }
    result
}

/// Converts a client's error. Only a fault of the record itself is a refusal: a missing topic, a missing
/// permission or a broker's policy can be put right, and until then nothing may be given up.
fn to_publish_error(error: &KafkaError) -> PublishError {
    match error {
        KafkaError::MessageProduction(
            Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::InvalidRecord,
        ) => PublishError::Refused(error.to_string()),
        KafkaError::MessageProduction(Code::PurgeQueue) => PublishError::Unavailable,
        _ => PublishError::Unconfirmed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fault_of_the_record_itself_is_refused_for_good() {
        let classify = |code| to_publish_error(&KafkaError::MessageProduction(code));
        for code in [Code::MessageSizeTooLarge, Code::InvalidMessageSize, Code::InvalidRecord] {
            assert!(matches!(classify(code), PublishError::Refused(_)), "{code:?}");
        }
        for code in [
            Code::UnknownTopic,
            Code::UnknownTopicOrPartition,
            Code::UnknownPartition,
            Code::TopicAuthorizationFailed,
            Code::ClusterAuthorizationFailed,
            Code::PolicyViolation,
        ] {
            assert_eq!(classify(code), PublishError::Unconfirmed, "{code:?}");
        }
    }
}

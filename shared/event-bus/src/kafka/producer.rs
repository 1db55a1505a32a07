//! Producers: one per kind, rebuilt when librdkafka declares it dead.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use contracts::Topic;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::statistics::Statistics;
use tokio::time::sleep;

use super::{ADMIN_PATIENCE, KafkaSettings, blocking, config};
use crate::{BusError, OutgoingRecord, PublishError, PublisherKind};

/// A cold idempotent producer asks for its id on a 500 ms timer; after this it has one.
const WARM: Duration = Duration::from_millis(650);

/// Says what librdkafka has to say in our logs.
pub(crate) struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "Kafka client");
    }

    fn stats(&self, _: Statistics) {}
}

type Client = Arc<FutureProducer<Quiet>>;

/// One producer, shared by all publishers of its kind. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Producer(Arc<Shared>);

struct Shared {
    settings: KafkaSettings,
    kind: PublisherKind,
    current: RwLock<(Client, Instant)>,
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Producer").field(&self.0.kind).finish_non_exhaustive()
    }
}

impl Producer {
    pub(crate) fn open(settings: &KafkaSettings, kind: PublisherKind) -> Result<Self, BusError> {
        let current = RwLock::new((create(settings, kind)?, Instant::now()));
        Ok(Self(Arc::new(Shared { settings: settings.clone(), kind, current })))
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
            sent.push(match self.targets(record).await {
                Ok(partitions) => partitions
                    .into_iter()
                    .map(|partition| self.send(&client, record, partition))
                    .collect(),
                Err(error) => Err(error),
            });
        }
        let mut answers = Vec::with_capacity(sent.len());
        for one in sent {
            answers.push(match one {
                Ok(deliveries) => delivered(deliveries).await,
                Err(error) => Err(error),
            });
        }
        if answers.iter().any(Result::is_err) {
            self.rebuild_if_dead(&client);
        }
        answers
    }

    /// Waits until the producer has its id and knows the topics.
    pub(crate) async fn warm_up(&self) -> Result<(), BusError> {
        let client = self.client();
        blocking("metadata", move || {
            client
                .client()
                .fetch_metadata(None, ADMIN_PATIENCE)
                .map_err(BusError::kafka("asking for the topics"))
        })
        .await?;
        let since = self.0.current.read().unwrap_or_else(PoisonError::into_inner).1;
        sleep(WARM.saturating_sub(since.elapsed())).await;
        Ok(())
    }

    pub(crate) async fn check_health(&self, patience: Duration) -> Result<(), BusError> {
        let (client, name) = (self.client(), self.0.settings.name(Topic::StravaEvents));
        blocking("health", move || {
            let asked = client.client().fetch_metadata(Some(&name), patience);
            asked.map(drop).map_err(BusError::kafka("asking for the topics"))
        })
        .await
    }

    /// How many partitions the broker says a topic has; none when it does not know it.
    pub(crate) async fn partitions(&self, topic: Topic) -> Result<Option<i32>, BusError> {
        let (client, name) = (self.client(), self.0.settings.name(topic));
        blocking("metadata", move || {
            let metadata = client
                .client()
                .fetch_metadata(Some(&name), ADMIN_PATIENCE)
                .map_err(BusError::kafka("asking for the topics"))?;
            let known = metadata
                .topics()
                .iter()
                .find(|known| known.name() == name && known.error().is_none());
            let led =
                known.filter(|known| known.partitions().iter().all(|one| one.error().is_none()));
            Ok(led.map(|known| known.partitions().len() as i32).filter(|count| *count > 0))
        })
        .await
    }

    pub(crate) fn client(&self) -> Client {
        Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Where a record goes: where its key says, or to every partition.
    async fn targets(&self, record: &OutgoingRecord) -> Result<Vec<Option<i32>>, PublishError> {
        if !record.to_every_partition {
            return Ok(vec![None]);
        }
        match self.partitions(record.topic).await {
            Ok(Some(count)) => Ok((0..count).map(Some).collect()),
            // None: a partition without a leader just now, or a topic that is not made yet.
            Ok(None) | Err(_) => Err(PublishError::Unavailable),
        }
    }

    fn send(
        &self,
        client: &Client,
        record: &OutgoingRecord,
        partition: Option<i32>,
    ) -> Result<DeliveryFuture, PublishError> {
        let name = self.0.settings.name(record.topic);
        let mut outgoing =
            FutureRecord::to(&name).key(record.key.as_str()).payload(record.value.as_slice());
        outgoing.partition = partition;
        client.send_result(outgoing).map_err(|(error, _)| match error {
            KafkaError::MessageProduction(Code::QueueFull) => PublishError::QueueFull,
            KafkaError::MessageProduction(
                Code::Fatal | Code::BrokerTransportFailure | Code::AllBrokersDown,
            ) => PublishError::Unavailable,
            error => refusal(&error),
        })
    }

    /// An idempotent producer can come to a state that it never leaves; then there is a new one.
    fn rebuild_if_dead(&self, client: &Client) {
        let Some((code, reason)) = client.client().fatal_error() else { return };
        let mut current = self.0.current.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&current.0, client) {
            return;
        }
        match create(&self.0.settings, self.0.kind) {
            Ok(new) => {
                tracing::error!(?code, reason, kind = ?self.0.kind, "the producer died; there is a new one");
                *current = (new, Instant::now());
            }
            Err(error) => tracing::error!(%error, "the producer died and no new one could be made"),
        }
    }
}

fn create(settings: &KafkaSettings, kind: PublisherKind) -> Result<Client, BusError> {
    let made = config::producer(settings, kind).create_with_context(Quiet);
    made.map(Arc::new).map_err(BusError::kafka("making a producer"))
}

async fn delivered(deliveries: Vec<DeliveryFuture>) -> Result<(), PublishError> {
    let mut answer = Ok(());
    for delivery in deliveries {
        answer = answer.and(match delivery.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((error, _))) => Err(refusal(&error)),
            Err(_) => Err(PublishError::Unconfirmed),
        });
    }
    answer
}

/// Only what is wrong with the record itself is a refusal: a missing topic, a missing permission or
/// a broker's policy is put right one day, and until then nothing may be given up.
fn refusal(error: &KafkaError) -> PublishError {
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
    fn only_what_is_wrong_with_the_record_itself_is_refused_for_good() {
        let of = |code| refusal(&KafkaError::MessageProduction(code));
        for code in [Code::MessageSizeTooLarge, Code::InvalidMessageSize, Code::InvalidRecord] {
            assert!(matches!(of(code), PublishError::Refused(_)), "{code:?}");
        }
        for code in [
            Code::UnknownTopic,
            Code::UnknownTopicOrPartition,
            Code::UnknownPartition,
            Code::TopicAuthorizationFailed,
            Code::ClusterAuthorizationFailed,
            Code::PolicyViolation,
        ] {
            assert_eq!(of(code), PublishError::Unconfirmed, "{code:?}");
        }
    }
}

//! Apache Kafka: producers, consumers and topics, by librdkafka.

mod config;
mod group;
mod inspect;
mod outage;
mod poller;
mod producer;
mod requests;
mod topics;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contracts::Topic;

pub use config::{KafkaSettings, Scram, ScramMechanism, Security};
pub(crate) use producer::Producer;

use crate::engine::RecordStream;
use crate::{BusError, PublisherKind, Record, TopicReport};
use inspect::LagObserver;
use requests::run_blocking;

const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);

/// The clients of one cluster. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct KafkaCluster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: KafkaSettings,
    intake: Producer,
    relay: Producer,
    /// The groups that were opened in this process.
    groups: Mutex<HashMap<String, Arc<LagObserver>>>,
}

impl KafkaCluster {
    pub(crate) fn open(settings: KafkaSettings) -> Result<Self, BusError> {
        settings.security.check_ca_file()?;
        let intake = Producer::open(&settings, PublisherKind::Intake)?;
        let relay = Producer::open(&settings, PublisherKind::Relay)?;
        Ok(Self(Arc::new(Inner { settings, intake, relay, groups: Mutex::default() })))
    }

    pub(crate) fn producer(&self, kind: PublisherKind) -> Producer {
        match kind {
            PublisherKind::Intake => self.0.intake.clone(),
            PublisherKind::Relay => self.0.relay.clone(),
        }
    }

    pub(crate) async fn warm_up(&self) -> Result<(), BusError> {
        let (intake, relay) = tokio::join!(self.0.intake.warm_up(), self.0.relay.warm_up());
        intake.and(relay)
    }

    pub(crate) async fn check_health(&self) -> Result<(), BusError> {
        self.0.intake.check_health(HEALTH_TIMEOUT).await
    }

    pub(crate) async fn ensure_topics(
        &self,
        topics: &[Topic],
    ) -> Result<Vec<TopicReport>, BusError> {
        topics::ensure_topics(&self.0.settings, &self.0.intake, topics).await
    }

    pub(crate) async fn partition_count(&self, topic: Topic) -> Result<i32, BusError> {
        let metadata = self.0.intake.topic_metadata(topic).await?;
        Ok(metadata.ok_or(BusError::UnknownTopic(topic))?.partitions)
    }

    pub(crate) async fn delete_topics(&self) {
        if self.0.settings.prefix.is_empty() {
            tracing::warn!("topics without a prefix are not deleted");
        } else if let Err(error) = topics::delete_topics(&self.0.settings, &self.0.intake).await {
            tracing::warn!(%error, "the topics could not be deleted");
        }
    }

    /// Sums the lag of these groups, or of all that were opened in this process.
    pub(crate) async fn total_lag(&self, groups: Option<&[&str]>) -> Result<u64, BusError> {
        let observers: Vec<_> = {
            let open = self.0.groups.lock().unwrap_or_else(PoisonError::into_inner);
            match groups {
                None => open.values().cloned().collect(),
                Some(groups) => groups
                    .iter()
                    .map(|group| {
                        let observer = open.get(*group).cloned();
                        observer.ok_or_else(|| BusError::GroupNotReading((*group).to_owned()))
                    })
                    .collect::<Result<_, _>>()?,
            }
        };
        run_blocking("counting unsettled records", move || {
            observers.iter().try_fold(0, |sum, observer| Ok(sum + observer.lag()?))
        })
        .await
    }

    pub(crate) async fn epoch(&self, name: &str) -> Result<i64, BusError> {
        let (settings, name) = (self.0.settings.clone(), name.to_owned());
        run_blocking("reading an epoch", move || inspect::epoch(&settings, &name)).await
    }

    pub(crate) async fn set_epoch(&self, name: &str, epoch: i64) -> Result<(), BusError> {
        let (settings, name) = (self.0.settings.clone(), name.to_owned());
        run_blocking("setting an epoch", move || inspect::set_epoch(&settings, &name, epoch)).await
    }

    pub(crate) async fn read_all(&self, topic: Topic) -> Result<Vec<Record>, BusError> {
        let settings = self.0.settings.clone();
        run_blocking("reading a topic", move || inspect::read_all(&settings, topic)).await
    }

    pub(crate) fn open_stream(
        &self,
        group: &str,
        topics: &[Topic],
    ) -> Result<RecordStream, BusError> {
        let observer = LagObserver::new(&self.0.settings, group, topics);
        self.0
            .groups
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(group.to_owned(), Arc::new(observer));
        poller::start(&self.0.settings, group, topics)
    }
}

//! Apache Kafka: producers, consumers and topics, by librdkafka.

mod config;
mod group;
mod inspect;
mod poller;
mod producer;
mod topics;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contracts::Topic;

pub use config::{KafkaSettings, Scram, ScramMechanism, Security};
pub(crate) use producer::Producer;

use crate::engine::Feed;
use crate::{BusError, PublisherKind, Record, TopicReport};

const HEALTH_PATIENCE: Duration = Duration::from_secs(1);
const ADMIN_PATIENCE: Duration = Duration::from_secs(10);

/// The clients of one cluster. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Kafka(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: KafkaSettings,
    intake: Producer,
    relay: Producer,
    /// The groups that were opened here, and what they read.
    groups: Mutex<HashMap<String, Vec<Topic>>>,
}

impl Kafka {
    pub(crate) fn open(settings: KafkaSettings) -> Result<Self, BusError> {
        settings.security.check()?;
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
        self.0.intake.check_health(HEALTH_PATIENCE).await
    }

    pub(crate) async fn ensure_topics(
        &self,
        topics: &[Topic],
    ) -> Result<Vec<TopicReport>, BusError> {
        topics::ensure(&self.0.settings, &self.0.intake, topics).await
    }

    pub(crate) async fn delete_topics(&self) {
        if self.0.settings.prefix.is_empty() {
            tracing::warn!("topics without a prefix are not a test's: they stay");
        } else if let Err(error) = topics::delete(&self.0.settings, &self.0.intake).await {
            tracing::warn!(%error, "the topics could not be deleted");
        }
    }

    pub(crate) async fn total_lag(&self, only: Option<&[&str]>) -> Result<u64, BusError> {
        let mut groups = self.0.groups.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(only) = only {
            if let Some(missing) = only.iter().find(|group| !groups.contains_key(**group)) {
                return Err(BusError::GroupNotReading((*missing).to_owned()));
            }
            groups.retain(|group, _| only.contains(&group.as_str()));
        }
        let settings = self.0.settings.clone();
        blocking("counting", move || {
            groups.iter().try_fold(0, |sum, (group, topics)| {
                Ok(sum + inspect::unhandled(&settings, group, topics)?)
            })
        })
        .await
    }

    pub(crate) async fn read_all(&self, topic: Topic) -> Result<Vec<Record>, BusError> {
        let settings = self.0.settings.clone();
        blocking("reading", move || inspect::read_all(&settings, topic)).await
    }

    pub(crate) fn feed(&self, group: &str, topics: &[Topic]) -> Result<Feed, BusError> {
        self.0
            .groups
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(group.to_owned(), topics.to_vec());
        poller::start(&self.0.settings, group, topics)
    }
}

/// Does what blocks (librdkafka's questions to the broker) where blocking is allowed.
async fn blocking<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> Result<T, BusError> + Send + 'static,
) -> Result<T, BusError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(%error, what, "a question to the broker was cut off");
            Err(BusError::Closed)
        }
    }
}

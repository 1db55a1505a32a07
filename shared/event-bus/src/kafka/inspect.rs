//! Queries outside of any group membership: all records of a topic, and the lag of a group.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use contracts::Topic;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset, TopicPartitionList};

use super::config::LoggingContext;
use super::poller::record_from_message;
use super::requests::{ADMIN_TIMEOUT, fetch_topic_metadata};
use super::{KafkaSettings, config};
use crate::record::TopicPartition;
use crate::{BusError, Record};

const POLL_TIMEOUT: Duration = Duration::from_millis(100);

type Observer = BaseConsumer<LoggingContext>;

/// Reads all records that are in the topic now, by partition and offset.
pub(crate) fn read_all(settings: &KafkaSettings, topic: Topic) -> Result<Vec<Record>, BusError> {
    let observer = create_observer(settings, "paceline-observer")?;
    let partitions = partition_count(&observer, settings, topic)?;
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(&settings.topic_name(topic), partition, Offset::Beginning)
            .map_err(BusError::kafka("reading a topic"))?;
    }
    observer.assign(&list).map_err(BusError::kafka("reading a topic"))?;
    let deadline = Instant::now() + ADMIN_TIMEOUT * 3;
    let (mut all, mut unfinished) = (Vec::new(), partitions);
    while unfinished > 0 {
        match observer.poll(POLL_TIMEOUT) {
            Some(Ok(message)) => all.push(record_from_message(topic, &message)),
            Some(Err(KafkaError::PartitionEOF(_))) => unfinished -= 1,
            Some(Err(error)) => tracing::warn!(%error, "reading a topic"),
            None if Instant::now() > deadline => return Err(BusError::Timeout(ADMIN_TIMEOUT * 3)),
            None => {}
        }
    }
    all.sort_by_key(|record| (record.partition, record.offset));
    Ok(all)
}

/// Topic whose first partition carries the epochs, as the committed offset of a group that nobody joins.
const EPOCH_TOPIC: Topic = Topic::Accounts;

/// Returns the last epoch of this name, 0 before the first. Blocks.
pub(crate) fn epoch(settings: &KafkaSettings, name: &str) -> Result<i64, BusError> {
    let observer = create_observer(settings, &format!("{name}.epoch"))?;
    let mut list = TopicPartitionList::new();
    list.add_partition(&settings.topic_name(EPOCH_TOPIC), 0);
    let committed = observer
        .committed_offsets(list, ADMIN_TIMEOUT)
        .map_err(BusError::kafka("asking for an epoch"))?;
    let offset = committed.elements().first().and_then(|element| element.offset().to_raw());
    Ok(offset.filter(|offset| *offset > 0).unwrap_or(0))
}

/// Sets the epoch of this name. Blocks.
pub(crate) fn set_epoch(settings: &KafkaSettings, name: &str, epoch: i64) -> Result<(), BusError> {
    let observer = create_observer(settings, &format!("{name}.epoch"))?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&settings.topic_name(EPOCH_TOPIC), 0, Offset::Offset(epoch))
        .map_err(BusError::kafka("setting an epoch"))?;
    observer.commit(&list, CommitMode::Sync).map_err(BusError::kafka("setting an epoch"))
}

/// Measures the lag of a group without joining it. It creates its client on first use and keeps it.
pub(crate) struct LagObserver {
    settings: KafkaSettings,
    group: String,
    topics: Vec<Topic>,
    client: Mutex<Option<Observer>>,
}

impl fmt::Debug for LagObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LagObserver").field("group", &self.group).finish_non_exhaustive()
    }
}

impl LagObserver {
    pub(crate) fn new(settings: &KafkaSettings, group: &str, topics: &[Topic]) -> Self {
        Self {
            settings: settings.clone(),
            group: group.to_owned(),
            topics: topics.to_vec(),
            client: Mutex::default(),
        }
    }

    /// Returns the number of records the group has not settled and committed. Blocks.
    pub(crate) fn lag(&self) -> Result<u64, BusError> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let observer = match &mut *client {
            Some(observer) => observer,
            empty => empty.insert(create_observer(&self.settings, &self.group)?),
        };
        // Errors are logged by the context; unless polled they would pile up in the client.
        while observer.poll(Duration::ZERO).is_some() {}
        let mut list = TopicPartitionList::new();
        for topic in &self.topics {
            for partition in 0..partition_count(observer, &self.settings, *topic)? {
                list.add_partition(&self.settings.topic_name(*topic), partition);
            }
        }
        let committed = observer
            .committed_offsets(list.clone(), ADMIN_TIMEOUT)
            .map_err(BusError::kafka("asking for committed offsets"))?;
        let low = self.watermarks(observer, &list, Offset::Beginning)?;
        let high = self.watermarks(observer, &list, Offset::End)?;
        let committed = committed.elements();
        let lags = committed.iter().filter_map(|element| {
            let topic_partition = self.topic_partition(element)?;
            let (low, high) = (low.get(&topic_partition)?, high.get(&topic_partition)?);
            let committed = element.offset().to_raw().filter(|offset| *offset >= 0);
            u64::try_from(high - committed.unwrap_or(*low).max(*low)).ok()
        });
        Ok(lags.sum())
    }

    /// Returns the first or last offset of each of these partitions, with one request per broker.
    fn watermarks(
        &self,
        observer: &Observer,
        partitions: &TopicPartitionList,
        edge: Offset,
    ) -> Result<HashMap<TopicPartition, i64>, BusError> {
        let mut request = partitions.clone();
        request.set_all_offsets(edge).map_err(BusError::kafka("asking for offsets"))?;
        let response = observer
            .offsets_for_times(request, ADMIN_TIMEOUT)
            .map_err(BusError::kafka("asking for offsets"))?;
        let offsets = response.elements();
        let offsets = offsets.iter().filter_map(|element| {
            Some((self.topic_partition(element)?, element.offset().to_raw()?))
        });
        Ok(offsets.collect())
    }

    fn topic_partition(&self, element: &TopicPartitionListElem<'_>) -> Option<TopicPartition> {
        let topic = self.settings.parse_topic(element.topic())?;
        Some(TopicPartition { topic, partition: element.partition() })
    }
}

fn create_observer(settings: &KafkaSettings, group: &str) -> Result<Observer, BusError> {
    config::client_config(settings)
        .set("group.id", settings.group_name(group))
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create_with_context(LoggingContext)
        .map_err(BusError::kafka("creating a consumer"))
}

fn partition_count(
    observer: &Observer,
    settings: &KafkaSettings,
    topic: Topic,
) -> Result<i32, BusError> {
    let metadata = fetch_topic_metadata(observer.client(), &settings.topic_name(topic))?;
    Ok(metadata.ok_or(BusError::UnknownTopic(topic))?.partitions)
}

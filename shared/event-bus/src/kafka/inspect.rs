//! Looking without taking part: everything in a topic, and how much a group has left.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use contracts::Topic;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::poller::record;
use super::{ADMIN_PATIENCE, KafkaSettings, config};
use crate::{BusError, Record};

const POLL: Duration = Duration::from_millis(100);

/// Everything that is in the topic now, by partition and offset.
pub(crate) fn read_all(settings: &KafkaSettings, topic: Topic) -> Result<Vec<Record>, BusError> {
    let consumer = observer(settings, "paceline-observer")?;
    let partitions = partitions(&consumer, settings, topic)?;
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(&settings.name(topic), partition, Offset::Beginning)
            .map_err(BusError::kafka("reading a topic"))?;
    }
    consumer.assign(&list).map_err(BusError::kafka("reading a topic"))?;
    let deadline = Instant::now() + ADMIN_PATIENCE * 3;
    let (mut all, mut open) = (Vec::new(), partitions);
    while open > 0 {
        match consumer.poll(POLL) {
            Some(Ok(message)) => all.push(record(topic, &message)),
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => tracing::warn!(%error, "reading a topic"),
            None if Instant::now() > deadline => return Err(BusError::Timeout(ADMIN_PATIENCE * 3)),
            None => {}
        }
    }
    all.sort_by_key(|record| (record.partition, record.offset));
    Ok(all)
}

/// How many records of these topics the group has not settled and committed.
pub(crate) fn unhandled(
    settings: &KafkaSettings,
    group: &str,
    topics: &[Topic],
) -> Result<u64, BusError> {
    let consumer = observer(settings, group)?;
    let mut list = TopicPartitionList::new();
    for topic in topics {
        for partition in 0..partitions(&consumer, settings, *topic)? {
            list.add_partition(&settings.name(*topic), partition);
        }
    }
    let committed = consumer
        .committed_offsets(list.clone(), ADMIN_PATIENCE)
        .map_err(BusError::kafka("asking for committed offsets"))?;
    let low = edges(&consumer, &list, Offset::Beginning)?;
    let high = edges(&consumer, &list, Offset::End)?;
    let committed = committed.elements();
    let left = committed.iter().filter_map(|place| {
        let key = (place.topic().to_owned(), place.partition());
        let (low, high) = (low.get(&key)?, high.get(&key)?);
        let next = place.offset().to_raw().filter(|offset| *offset >= 0).unwrap_or(*low).max(*low);
        u64::try_from(high - next).ok()
    });
    Ok(left.sum())
}

type Edges = HashMap<(String, i32), i64>;

/// The first or last offset of each of these partitions: one question per broker.
fn edges(
    consumer: &BaseConsumer,
    places: &TopicPartitionList,
    edge: Offset,
) -> Result<Edges, BusError> {
    let mut asked = places.clone();
    asked.set_all_offsets(edge).map_err(BusError::kafka("asking for offsets"))?;
    let found = consumer
        .offsets_for_times(asked, ADMIN_PATIENCE)
        .map_err(BusError::kafka("asking for offsets"))?;
    let offsets = found.elements();
    Ok(offsets
        .iter()
        .filter_map(|place| {
            Some(((place.topic().to_owned(), place.partition()), place.offset().to_raw()?))
        })
        .collect())
}

fn observer(settings: &KafkaSettings, group: &str) -> Result<BaseConsumer, BusError> {
    config::client(settings)
        .set("group.id", settings.group(group))
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .map_err(BusError::kafka("making a consumer"))
}

fn partitions(
    consumer: &BaseConsumer,
    settings: &KafkaSettings,
    topic: Topic,
) -> Result<i32, BusError> {
    let name = settings.name(topic);
    let metadata = consumer
        .fetch_metadata(Some(&name), ADMIN_PATIENCE)
        .map_err(BusError::kafka("asking for the topics"))?;
    let known =
        metadata.topics().iter().find(|known| known.name() == name && known.error().is_none());
    known
        .map(|known| known.partitions().len() as i32)
        .filter(|count| *count > 0)
        .ok_or(BusError::UnknownTopic(topic))
}

//! The poll loop of a consumer, on its own thread.

use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use contracts::Topic;
use kernel::Timestamp;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message};
use tokio::sync::{mpsc, oneshot};

use super::group::GroupContext;
use super::{KafkaSettings, config, outage};
use crate::engine::{RecordStream, TransportEvent};
use crate::record::TopicPartition;
use crate::{BusError, Record};

/// Maximum number of records between poller and engine.
const EVENT_BUFFER: usize = 256;
/// Maximum time of a poll, and therefore the latency of the engine's commands.
const POLL_TIMEOUT: Duration = Duration::from_millis(200);

/// Joins the group and reads on a new thread.
pub(crate) fn start(
    settings: &KafkaSettings,
    group: &str,
    topics: &[Topic],
) -> Result<RecordStream, BusError> {
    let (events, received) = mpsc::channel(EVENT_BUFFER);
    let (send, commands) = std_mpsc::channel();
    let context = GroupContext::new(settings, group, events, commands);
    let consumer: BaseConsumer<GroupContext> = config::consumer_config(settings, group)
        .create_with_context(context)
        .map_err(BusError::kafka("creating a consumer"))?;
    let names: Vec<String> = topics.iter().map(|topic| settings.topic_name(*topic)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    consumer.subscribe(&names).map_err(BusError::kafka("subscribing"))?;
    let (ended, end_of_poll) = oneshot::channel();
    std::thread::Builder::new()
        .name(format!("bus-{group}"))
        .spawn(move || drop(ended.send(poll_until_stopped(consumer))))
        .map_err(|source| BusError::File { file: "a thread".into(), source })?;
    Ok(RecordStream {
        events: received,
        // A poller that ended needs no commands.
        commands: Box::new(move |command| {
            let _ = send.send(command);
        }),
        reader: Box::pin(async move { end_of_poll.await.unwrap_or(Err(BusError::Closed)) }),
    })
}

fn poll_until_stopped(consumer: BaseConsumer<GroupContext>) -> Result<(), BusError> {
    let group = consumer.context().clone();
    while !group.is_stopping() {
        match consumer.poll(POLL_TIMEOUT) {
            Some(Ok(message)) => {
                outage::record_answer();
                deliver(&group, &message);
            }
            Some(Err(error)) => {
                if let Some((code, reason)) = consumer.client().fatal_error() {
                    tracing::error!(
                        group = group.name,
                        ?code,
                        reason,
                        "the consumer failed for good"
                    );
                    return Err(BusError::kafka(format!("reading as {}", group.name))(error));
                }
                outage::log_error(&group.name, &error, "the consumer could not read");
            }
            None => {}
        }
        group.apply_commands(&consumer);
    }
    // May take long when the broker is unavailable; the engine waits for a bounded time only.
    match consumer.commit_consumer_state(CommitMode::Sync) {
        Ok(()) | Err(KafkaError::ConsumerCommit(Code::NoOffset)) => {}
        Err(error) => {
            outage::log_error(
                &group.name,
                &error,
                "the last commit failed; its records will be delivered again",
            );
        }
    }
    drop(consumer);
    Ok(())
}

fn deliver(group: &GroupContext, message: &BorrowedMessage<'_>) {
    let Some(topic) = group.parse_topic(message.topic()) else { return };
    let topic_partition = TopicPartition { topic, partition: message.partition() };
    let Some(assignment) = group.assignment(topic_partition) else { return };
    let event = TransportEvent::Record(assignment, record_from_message(topic, message));
    // Fails only after the engine has stopped; the record is then not needed.
    drop(group.events().blocking_send(event));
}

/// Converts a message of the client.
pub(crate) fn record_from_message(topic: Topic, message: &BorrowedMessage<'_>) -> Record {
    Record {
        topic,
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(|key| String::from_utf8_lossy(key).into_owned()).unwrap_or_default(),
        value: message.payload().unwrap_or_default().to_vec(),
        timestamp: Timestamp::from_micros(
            message.timestamp().to_millis().unwrap_or(0).saturating_mul(1_000),
        ),
    }
}

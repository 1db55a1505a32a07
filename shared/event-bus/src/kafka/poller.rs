//! The poll loop: a thread of its own per consumer.

use std::sync::mpsc as std_mpsc;
use std::time::Duration;

use contracts::Topic;
use kernel::Timestamp;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message};
use tokio::sync::{mpsc, oneshot};

use super::group::Group;
use super::{KafkaSettings, config};
use crate::engine::{Feed, FromLog};
use crate::{BusError, Record};

/// How many records may lie between poller and engine.
const BETWEEN: usize = 256;
/// How long a poll waits: what the engine says meanwhile waits as long.
const POLL: Duration = Duration::from_millis(200);

/// Joins the group and reads on a thread of its own.
pub(crate) fn start(
    settings: &KafkaSettings,
    group: &str,
    topics: &[Topic],
) -> Result<Feed, BusError> {
    let (events, received) = mpsc::channel(BETWEEN);
    let (send, commands) = std_mpsc::channel();
    let context = Group::new(settings, group, events, commands);
    let consumer: BaseConsumer<Group> = config::consumer(settings, group)
        .create_with_context(context)
        .map_err(BusError::kafka("making a consumer"))?;
    let names: Vec<String> = topics.iter().map(|topic| settings.name(*topic)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    consumer.subscribe(&names).map_err(BusError::kafka("subscribing"))?;
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name(format!("bus-{group}"))
        .spawn(move || drop(ended.send(poll(consumer))))
        .map_err(|source| BusError::File { file: "a thread".into(), source })?;
    Ok(Feed {
        events: received,
        // A poller that ended needs no commands.
        commands: Box::new(move |command| {
            let _ = send.send(command);
        }),
        reading: Box::pin(async move { end.await.unwrap_or(Err(BusError::Closed)) }),
    })
}

fn poll(consumer: BaseConsumer<Group>) -> Result<(), BusError> {
    let group = consumer.context().clone();
    while !group.is_stopping() {
        match consumer.poll(POLL) {
            Some(Ok(message)) => deliver(&group, &message),
            Some(Err(error)) => {
                if let Some((code, reason)) = consumer.client().fatal_error() {
                    tracing::error!(group = group.name, ?code, reason, "the consumer died");
                    return Err(BusError::kafka(format!("reading as {}", group.name))(error));
                }
                tracing::warn!(group = group.name, %error, "reading");
            }
            None => {}
        }
        group.obey(&consumer);
    }
    // Whoever waits for the end waits for a bounded time only; a broker that is away may cost more.
    match consumer.commit_consumer_state(CommitMode::Sync) {
        Ok(()) | Err(KafkaError::ConsumerCommit(Code::NoOffset)) => {}
        Err(error) => {
            tracing::warn!(group = group.name, %error, "the last commit failed; its records come again");
        }
    }
    drop(consumer);
    Ok(())
}

fn deliver(group: &Group, message: &BorrowedMessage<'_>) {
    let Some(topic) = group.topic(message.topic()) else { return };
    let Some(from) = group.assigned(topic, message.partition()) else { return };
    // The engine takes until it stops; after that nobody needs it.
    drop(group.events().blocking_send(FromLog::Record(from, record(topic, message))));
}

/// A message of the client as a record of ours.
pub(crate) fn record(topic: Topic, message: &BorrowedMessage<'_>) -> Record {
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

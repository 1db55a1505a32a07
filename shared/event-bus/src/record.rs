//! Records as both transports carry them, and events as handlers receive them.

use contracts::{Cause, Origin, Topic};
use kernel::{AthleteId, EventId, Timestamp};

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The topic.
    pub topic: Topic,
    /// The partition within the topic.
    pub partition: i32,
    /// The offset within the partition.
    pub offset: i64,
    /// The key: order is kept within it.
    pub key: String,
    /// The encoded envelope.
    pub value: Vec<u8>,
    /// The instant at which the log took it.
    pub timestamp: Timestamp,
}

/// A record to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRecord {
    /// The topic.
    pub topic: Topic,
    /// The key: order is kept within it.
    pub key: String,
    /// The encoded envelope.
    pub value: Vec<u8>,
    /// True if every partition gets a copy; the key is then ignored.
    pub to_every_partition: bool,
}

/// An event as its handler receives it. It may be delivered more than once, so its effect must be idempotent.
#[derive(Clone, Debug)]
pub struct Received<E> {
    /// The event's id, the same on every attempt to publish it and every delivery.
    pub id: EventId,
    /// The athlete it belongs to.
    pub athlete: Option<AthleteId>,
    /// Every connection it draws on.
    pub origins: Vec<Origin>,
    /// The cause of the event.
    pub cause: Cause,
    /// True if it answers a replay request.
    pub replay: bool,
    /// The instant at which it happened.
    pub occurred_at: Timestamp,
    /// W3C Trace Context of its publisher.
    pub traceparent: String,
    /// The number of this attempt at handling it, from 1.
    pub attempt: u32,
    /// The topic it was read from.
    pub topic: Topic,
    /// The partition it was read from.
    pub partition: i32,
    /// Its offset in that partition.
    pub offset: i64,
    /// The message itself.
    pub body: E,
}

/// A partition of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TopicPartition {
    pub(crate) topic: Topic,
    pub(crate) partition: i32,
}

//! Records as both transports carry them, and as handlers receive them.

use contracts::{Cause, Origin, Topic};
use kernel::{AthleteId, EventId, Timestamp};

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The topic.
    pub topic: Topic,
    /// The partition within the topic.
    pub partition: i32,
    /// The place within the partition.
    pub offset: i64,
    /// The key: order is kept within it.
    pub key: String,
    /// The encoded envelope.
    pub value: Vec<u8>,
    /// When the log took it.
    pub timestamp: Timestamp,
}

/// A record on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRecord {
    /// The topic.
    pub topic: Topic,
    /// The key: order is kept within it.
    pub key: String,
    /// The encoded envelope.
    pub value: Vec<u8>,
    /// Whether it goes to every partition (the key then plays no part).
    pub to_every_partition: bool,
}

/// An event as its handler receives it. It may come again, so its effect must bear repetition.
#[derive(Clone, Debug)]
pub struct Received<E> {
    /// The same on every try to publish and every delivery.
    pub id: EventId,
    /// Whose it is.
    pub athlete: Option<AthleteId>,
    /// Every connection it draws on.
    pub origins: Vec<Origin>,
    /// Why it came about.
    pub cause: Cause,
    /// Whether it answers a replay request.
    pub replay: bool,
    /// When it came about.
    pub occurred_at: Timestamp,
    /// W3C Trace Context of whoever published it.
    pub traceparent: String,
    /// The how-manieth try this is, from 1.
    pub attempt: u32,
    /// Where it was read.
    pub topic: Topic,
    /// Where it was read.
    pub partition: i32,
    /// Where it was read.
    pub offset: i64,
    /// The message itself.
    pub body: E,
}

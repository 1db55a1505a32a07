//! What passes between a transport and the engine.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use contracts::Topic;
use futures::future::BoxFuture;
use tokio::sync::mpsc;

use crate::{BusError, Record};

/// How long a revoked partition may go on with what is in hand, before that is dropped.
pub(crate) const REVOKE_PATIENCE: Duration = Duration::from_secs(5);

/// A partition as it was assigned: after a revoke and a new assignment the generation differs, so
/// that a settlement from before is known and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Assigned {
    pub(crate) topic: Topic,
    pub(crate) partition: i32,
    pub(crate) generation: u64,
}

/// From the transport to the engine.
#[derive(Debug)]
pub(crate) enum FromLog {
    /// A record, in the order of the partition.
    Record(Assigned, Record),
    /// These partitions go to another member; say when nothing of them is in hand any more.
    Revoked { gone: Vec<Assigned>, drained: SyncSender<()> },
}

/// From the engine to the transport. None of them waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ToLog {
    /// Everything up to this offset, itself included, is settled.
    Settled(Assigned, i64),
    /// Enough of this partition is in hand.
    Pause(Assigned),
    /// More of it, please.
    Resume(Assigned),
    /// Commit and end.
    Stop,
}

/// The way back.
pub(crate) type Commands = Box<dyn Fn(ToLog) + Send + Sync>;

/// A group's stream of records.
pub(crate) struct Feed {
    pub(crate) events: mpsc::Receiver<FromLog>,
    pub(crate) commands: Commands,
    /// Reads until told to stop; ends when everything settled is committed.
    pub(crate) reading: BoxFuture<'static, Result<(), BusError>>,
}

//! The channels between a transport and the engine.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::mpsc;

use crate::record::TopicPartition;
use crate::{BusError, Record};

/// Maximum time for which running attempts of a revoked partition may continue before they are aborted.
pub(crate) const REVOKE_TIMEOUT: Duration = Duration::from_secs(5);

/// One assignment of a partition to this consumer. The generation changes with every assignment, so
/// that a settlement from before a revoke is recognised and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Assignment {
    pub(crate) topic_partition: TopicPartition,
    pub(crate) generation: u64,
}

/// A message from the transport to the engine.
#[derive(Debug)]
pub(crate) enum TransportEvent {
    /// The next record of a partition.
    Record(Assignment, Record),
    /// Partitions that move to another member; `drained` is signalled once no record of them is running.
    Revoked { assignments: Vec<Assignment>, drained: SyncSender<()> },
}

/// A command from the engine to the transport. Sending one never blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ConsumerCommand {
    /// All records up to and including this offset are settled.
    Settled(Assignment, i64),
    /// Stop reading this partition until `Resume`.
    Pause(Assignment),
    /// Read this partition again.
    Resume(Assignment),
    /// Commit the settled offsets and end.
    Stop,
}

/// Sends commands to the transport.
pub(crate) type CommandSender = Box<dyn Fn(ConsumerCommand) + Send + Sync>;

/// The records of a consumer group as a transport delivers them.
pub(crate) struct RecordStream {
    pub(crate) events: mpsc::Receiver<TransportEvent>,
    pub(crate) commands: CommandSender,
    /// Reads until stopped; ends once everything settled is committed.
    pub(crate) reader: BoxFuture<'static, Result<(), BusError>>,
}

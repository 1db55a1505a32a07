//! Settings of the built-in log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use contracts::Topic;
use kernel::Clock;

/// File, retention and partitions of the built-in log.
#[derive(Clone, Debug)]
pub struct BuiltInLogSettings {
    /// The SQLite file.
    pub file: PathBuf,
    /// Prefix of every topic's name (set by tests; empty otherwise).
    pub prefix: String,
    /// Number of partitions of a new topic.
    pub partitions: i32,
    /// Time for which a record is kept.
    pub retention: Duration,
    /// The clock for timestamps and retention.
    pub clock: Arc<dyn Clock>,
}

impl BuiltInLogSettings {
    /// Creates settings for this file, with 12 partitions and 48 hours of retention.
    pub fn new(file: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self {
            file: file.into(),
            prefix: String::new(),
            partitions: contracts::DEFAULT_PARTITIONS,
            retention: Duration::from_hours(48),
            clock,
        }
    }

    pub(crate) fn topic_name(&self, topic: Topic) -> String {
        format!("{}{topic}", self.prefix)
    }
}

//! Reports about topics.

use contracts::Topic;

/// The state of a topic after `ensure_topics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicReport {
    /// The topic.
    pub topic: Topic,
    /// True if it was created just now.
    pub created: bool,
    /// Number of its partitions.
    pub partitions: i32,
    /// Differences from the settings; an existing topic is never changed.
    pub differences: Vec<String>,
}

//! Blocking requests to the brokers.

use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::client::Client;

use crate::BusError;

/// Timeout of requests about topics, offsets and metadata.
pub(crate) const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs a blocking request of librdkafka on a thread where blocking is allowed.
pub(crate) async fn run_blocking<T: Send + 'static>(
    operation: &str,
    request: impl FnOnce() -> Result<T, BusError> + Send + 'static,
) -> Result<T, BusError> {
    match tokio::task::spawn_blocking(request).await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, operation, "a request to the broker was aborted");
            Err(BusError::Closed)
        }
    }
}

/// The partitions of a topic as the brokers report them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TopicMetadata {
    pub(crate) partitions: i32,
    /// True if every partition has a leader.
    pub(crate) has_leaders: bool,
}

/// Asks the brokers for a topic, without creating it; none if they do not know it. Blocks.
pub(crate) fn fetch_topic_metadata<C: ClientContext>(
    client: &Client<C>,
    name: &str,
) -> Result<Option<TopicMetadata>, BusError> {
    let metadata = client
        .fetch_metadata(Some(name), ADMIN_TIMEOUT)
        .map_err(BusError::kafka("asking for the topics"))?;
    let topic =
        metadata.topics().iter().find(|topic| topic.name() == name && topic.error().is_none());
    let partitions = topic.map(|topic| topic.partitions()).filter(|list| !list.is_empty());
    Ok(partitions.map(|partitions| TopicMetadata {
        partitions: partitions.len() as i32,
        has_leaders: partitions.iter().all(|partition| partition.error().is_none()),
    }))
}

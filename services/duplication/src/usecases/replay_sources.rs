//! The states the service requests again after it was away for longer than the log remembers.

use std::pin::Pin;

use contracts::Topic;
use outbox::{ReplaySource, StoreError, Tx};

use crate::store::links;

/// Connections always; activities only if there is a link, for a link covers only what begins after it.
pub(crate) const REPLAY_SOURCES: &[ReplaySource] = &[
    ReplaySource::new(Topic::Athletes, Topic::Athletes),
    ReplaySource {
        of: Topic::Activities,
        answer_on: Topic::Activities,
        is_needless: Some(has_no_link),
    },
];

fn has_no_link(tx: &Tx) -> Pin<Box<dyn Future<Output = Result<bool, StoreError>> + Send + '_>> {
    Box::pin(async move { Ok(!links::exists_living(tx.conn()).await?) })
}

//! Parked records as the operations port and the command line show them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outbox::ParkedEvent;
use serde::{Deserialize, Serialize};

/// Maximum number of records listed of each service.
pub(crate) const MAX_LISTED: u64 = 500;

/// A parked record in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ParkedSummary {
    pub(crate) service: String,
    pub(crate) id: String,
    pub(crate) parked_at: String,
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// The name of its message; none if it cannot be decoded.
    pub(crate) kind: Option<String>,
    pub(crate) reason: String,
}

/// A parked record, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ParkedRecord {
    #[serde(flatten)]
    pub(crate) summary: ParkedSummary,
    pub(crate) group: String,
    pub(crate) key: String,
    pub(crate) athlete: Option<String>,
    /// Its bytes, in base64.
    pub(crate) value: String,
}

impl ParkedSummary {
    pub(crate) fn new(service: &str, event: &ParkedEvent) -> Self {
        Self {
            service: service.to_owned(),
            id: event.id.clone(),
            parked_at: event.parked_at.to_rfc3339(),
            topic: event.topic.clone(),
            partition: event.partition,
            offset: event.offset,
            kind: event.kind().map(str::to_owned),
            reason: event.reason.clone(),
        }
    }
}

impl ParkedRecord {
    pub(crate) fn new(service: &str, event: &ParkedEvent) -> Self {
        Self {
            summary: ParkedSummary::new(service, event),
            group: event.group.clone(),
            key: event.key.clone(),
            athlete: event.athlete.map(|athlete| athlete.to_string()),
            value: STANDARD.encode(&event.value),
        }
    }
}

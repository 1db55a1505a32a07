//! One attempt at handling one record.

use std::sync::Arc;

use contracts::Envelope;
use tracing::Instrument;

use super::ConsumerGroup;
use super::routes::Route;
use crate::{HandleError, Parking, Record};

/// The result of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AttemptOutcome {
    /// The handler's effect is committed.
    Handled,
    /// No handler of this group takes this kind of message.
    Skipped,
    /// The record is in the service's parking place.
    Parked,
    /// A dependency is unavailable: try again without counting an attempt.
    Unavailable(String),
    /// Try again, counting an attempt.
    Failed { reason: String, may_park: bool },
    /// A further attempt cannot succeed.
    Rejected { reason: String, may_park: bool },
}

/// Handles a record, or parks it if `parking_reason` is given.
pub(crate) async fn attempt_record<P: Parking>(
    group: Arc<ConsumerGroup<P>>,
    record: Arc<Record>,
    attempt: u32,
    parking_reason: Option<String>,
) -> AttemptOutcome {
    if let Some(reason) = parking_reason {
        return match group.parking.park(&record, &reason).await {
            Ok(()) => AttemptOutcome::Parked,
            Err(error) => AttemptOutcome::Unavailable(format!("parking: {error:#}")),
        };
    }
    let envelope = match Envelope::decode(&record.value) {
        Ok(envelope) => envelope,
        Err(error) => {
            let reason = format!("{:#}", anyhow::Error::from(error));
            return AttemptOutcome::Rejected { reason, may_park: true };
        }
    };
    let Some(route) = group.routes.find(record.topic, &envelope) else {
        return AttemptOutcome::Skipped;
    };
    let span = tracing::info_span!(
        "handle",
        group = group.name,
        event = route.event_name(),
        event_id = %envelope.event_id,
        topic = %record.topic,
        partition = record.partition,
        offset = record.offset,
        attempt,
    );
    telemetry::set_parent(&span, &envelope.traceparent);
    let may_park = route.may_park();
    match route.handle(envelope, &record, attempt).instrument(span).await {
        Ok(()) => AttemptOutcome::Handled,
        Err(HandleError::Unavailable(error)) => AttemptOutcome::Unavailable(format!("{error:#}")),
        Err(HandleError::Failed(error)) => {
            AttemptOutcome::Failed { reason: format!("{error:#}"), may_park }
        }
        Err(HandleError::Rejected(error)) => {
            AttemptOutcome::Rejected { reason: format!("{error:#}"), may_park }
        }
    }
}

/// Returns true if this record may be parked after its handler panicked.
pub(crate) fn may_park<P>(group: &ConsumerGroup<P>, record: &Record) -> bool {
    Envelope::decode(&record.value)
        .ok()
        .and_then(|envelope| group.routes.find(record.topic, &envelope).map(Route::may_park))
        .unwrap_or(true)
}

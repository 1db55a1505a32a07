//! One try with one record.

use std::sync::Arc;

use contracts::Envelope;
use tracing::Instrument;

use super::Work;
use super::routes::Route;
use crate::{HandleError, Parking, Record};

/// What came of a try.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its effect is committed.
    Handled,
    /// Nobody here handles this kind of message.
    Skipped,
    /// It is kept where the service keeps what it could not handle.
    Parked,
    /// Something is away: again, and nothing counts.
    Away(String),
    /// Again, and it counts.
    Failed { reason: String, may_park: bool },
    /// Trying again is useless.
    Rejected { reason: String, may_park: bool },
}

/// Tries a record: handles it, or parks it when that has been decided.
pub(crate) async fn attempt<P: Parking>(
    work: Arc<Work<P>>,
    record: Arc<Record>,
    number: u32,
    park_for: Option<String>,
) -> Outcome {
    if let Some(reason) = park_for {
        return match work.parking.park(&record, &reason).await {
            Ok(()) => Outcome::Parked,
            Err(error) => Outcome::Away(format!("parking: {error:#}")),
        };
    }
    let envelope = match Envelope::decode(&record.value) {
        Ok(envelope) => envelope,
        Err(bad) => return Outcome::Rejected { reason: chain(&bad), may_park: true },
    };
    let Some(route) = work.routes.find(record.topic, &envelope) else { return Outcome::Skipped };
    let span = tracing::info_span!(
        "handle",
        group = work.group,
        event = route.event(),
        event_id = %envelope.event_id,
        topic = %record.topic,
        partition = record.partition,
        offset = record.offset,
        attempt = number,
    );
    telemetry::set_parent(&span, &envelope.traceparent);
    judge(route, route.handle(envelope, &record, number).instrument(span).await)
}

/// Whether this record may be parked after its handler panicked.
pub(crate) fn may_park<P>(work: &Work<P>, record: &Record) -> bool {
    Envelope::decode(&record.value)
        .ok()
        .and_then(|envelope| work.routes.find(record.topic, &envelope).map(Route::may_park))
        .unwrap_or(true)
}

fn judge(route: &dyn Route, result: Result<(), HandleError>) -> Outcome {
    let may_park = route.may_park();
    match result {
        Ok(()) => Outcome::Handled,
        Err(HandleError::Unavailable(error)) => Outcome::Away(format!("{error:#}")),
        Err(HandleError::Failed(error)) => {
            Outcome::Failed { reason: format!("{error:#}"), may_park }
        }
        Err(HandleError::Rejected(error)) => {
            Outcome::Rejected { reason: format!("{error:#}"), may_park }
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |source| source.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

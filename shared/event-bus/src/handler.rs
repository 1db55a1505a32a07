//! The traits a service implements: handlers of its events, and the parking place of what it cannot handle.

use std::future::Future;

use contracts::Event;

use crate::{Received, Record};

/// Handles one kind of event. The event may be delivered more than once, and the future may be dropped at
/// any `.await` (hard stop, revoke past its deadline): do every effect in one transaction.
pub trait Handler: Send + Sync + 'static {
    /// The message it handles.
    type Event: Event;
    /// True if a record may be parked when it cannot be handled. False for erases, which are retried for ever.
    const MAY_PARK: bool = true;
    /// Handles the event, with bounded local work only.
    fn handle(
        &self,
        event: &Received<Self::Event>,
    ) -> impl Future<Output = Result<(), HandleError>> + Send;
}

/// The reason why an event was not handled, which decides about the next attempt.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// Database or object store unavailable: retried with back-off until it is back, without counting attempts.
    #[error("a dependency of the handler is unavailable")]
    Unavailable(#[source] anyhow::Error),
    /// Retried with back-off, and parked after the maximum number of attempts.
    #[error("the handler failed")]
    Failed(#[source] anyhow::Error),
    /// No further attempt can succeed: parked at once.
    #[error("the event was rejected")]
    Rejected(#[source] anyhow::Error),
}

/// The store of records that a service could not handle (its own `parked_event` table).
pub trait Parking: Send + Sync + 'static {
    /// Stores the whole record with the reason. The same record may be parked more than once. An error
    /// means "not now": parking is retried until it succeeds, for the offset must not advance before.
    fn park(
        &self,
        record: &Record,
        reason: &str,
    ) -> impl Future<Output = Result<(), anyhow::Error>> + Send;
}

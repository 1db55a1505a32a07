//! What a service says of its events: how one is handled, what went wrong, and where the unhandled is kept.

use std::future::Future;

use contracts::Event;

use crate::{Received, Record};

/// One kind of event, one effect. The event may come again, and the future may be dropped at any
/// `.await` (hard stop, revoke past its deadline): keep every effect in one transaction.
pub trait Handler: Send + Sync + 'static {
    /// The message it handles.
    type Event: Event;
    /// Whether a record may be parked when it cannot be handled. An erase says no: it is tried for ever.
    const MAY_PARK: bool = true;
    /// Does bounded local work.
    fn handle(
        &self,
        event: &Received<Self::Event>,
    ) -> impl Future<Output = Result<(), HandleError>> + Send;
}

/// Why an event was not handled, which decides what happens next.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// Database or object store away: again after a pause, as long as it takes; nothing counts.
    #[error("something the handler needs is away")]
    Unavailable(#[source] anyhow::Error),
    /// Again after a pause, parked after so many attempts.
    #[error("the handler failed")]
    Failed(#[source] anyhow::Error),
    /// Trying again is useless: parked now.
    #[error("the event was rejected")]
    Rejected(#[source] anyhow::Error),
}

/// Where a service keeps what it could not handle (its own `parked_event` table).
pub trait Parking: Send + Sync + 'static {
    /// Keeps the record whole, with its reason. The same record may come again. An error means
    /// "not now": it is tried until it succeeds, for the offset must not advance before.
    fn park(
        &self,
        record: &Record,
        reason: &str,
    ) -> impl Future<Output = Result<(), anyhow::Error>> + Send;
}

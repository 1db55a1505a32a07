//! Sessions that end before their tokens do.

use std::future::Future;
use std::pin::Pin;

use kernel::{AthleteId, Timestamp};

/// The answer of [`SessionRevocations::not_before`].
pub type NotBefore<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Timestamp>, anyhow::Error>> + Send + 'a>>;

/// Knows which sessions were revoked.
pub trait SessionRevocations: Send + Sync {
    /// The instant before which this athlete's tokens were issued to be refused; none if nothing was revoked.
    fn not_before(&self, athlete: AthleteId) -> NotBefore<'_>;
}

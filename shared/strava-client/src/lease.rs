//! Leases: the permission to call Strava, requested from the token service. The one synchronous call
//! between services; afterwards the caller reports the used requests and the rate limits.

mod client;
mod messages;

pub use client::LeaseClient;
pub use messages::{DenialReason, Lease, LeaseError, LeaseRequest, Purpose, Report, ReportedFault};

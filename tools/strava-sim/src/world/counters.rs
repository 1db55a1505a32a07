//! Counters of what happened so far.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// Counters since the start, or since the last reset.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Counters {
    /// Calls per endpoint.
    pub(crate) calls: BTreeMap<String, u64>,
    /// Answers per status.
    pub(crate) statuses: BTreeMap<String, u64>,
    /// Token calls with an authorization code.
    pub(crate) exchanges: u64,
    /// Token calls with a refresh token.
    pub(crate) refreshes: u64,
    /// Refreshes that issued a new access token.
    pub(crate) new_access_tokens: u64,
    /// Refreshes refused.
    pub(crate) refused_refreshes: u64,
    /// Webhook deliveries tried.
    pub(crate) delivery_attempts: u64,
    /// Webhook deliveries acknowledged.
    pub(crate) delivered: u64,
    /// Uploads accepted.
    pub(crate) uploads: u64,
    /// Faults injected.
    pub(crate) faults: u64,
}

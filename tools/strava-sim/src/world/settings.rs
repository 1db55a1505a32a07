//! Settings of consent, webhooks and uploads that the admin interface changes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::options::Consent;

/// Answer of the authorize page.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct ConsentSettings {
    /// `page`, `grant` or `refuse`.
    pub(crate) mode: Consent,
    /// Athlete who consents when the request names nobody; the first one by default.
    pub(crate) athlete: Option<i64>,
    /// Grant only these of the requested scopes.
    pub(crate) scopes: Option<Vec<String>>,
    /// Restore the previous settings after one use.
    pub(crate) once: bool,
}

/// Delivery of webhooks.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct WebhookSettings {
    /// Extra copies of every event.
    pub(crate) duplicate: u32,
    /// Deliver every second event before the one that precedes it.
    pub(crate) reorder: bool,
    /// Milliseconds on the simulator's clock before an event goes out.
    pub(crate) delay_ms: i64,
    /// Number of events to lose from now on.
    pub(crate) drop_next: u32,
    /// Lose every event.
    pub(crate) drop_all: bool,
    /// Leave `updates` out instead of sending `{}`.
    pub(crate) omit_updates: bool,
    /// Milliseconds for which the streams of a new activity answer `{}`.
    pub(crate) streams_late_ms: i64,
    /// Send `X-Strava-Signature` with this key.
    pub(crate) signing_key: Option<String>,
}

/// Processing of uploads.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct UploadSettings {
    /// Number of polls that answer "still being processed".
    pub(crate) polls: u32,
    /// Name duplicates with a link instead of plain text.
    pub(crate) duplicate_as_link: bool,
    /// Never finish.
    pub(crate) never_ready: bool,
    /// End as "The created activity has been deleted."
    pub(crate) deleted: bool,
    /// End with this error text instead of an activity.
    pub(crate) error: Option<String>,
}

impl Default for UploadSettings {
    fn default() -> Self {
        Self { polls: 2, duplicate_as_link: false, never_ready: false, deleted: false, error: None }
    }
}

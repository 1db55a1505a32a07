//! What the admin interface can switch: consent, webhooks, uploads, faults; and what it counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::options::Consent;

/// How the next authorize calls are answered.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct ConsentSettings {
    /// `page`, `grant` or `refuse`.
    #[serde(default)]
    pub(crate) mode: Consent,
    /// Who consents when the request names nobody; the first athlete by default.
    #[serde(default)]
    pub(crate) athlete: Option<i64>,
    /// Grant only these of the requested scopes.
    #[serde(default)]
    pub(crate) scopes: Option<Vec<String>>,
    /// Fall back to the settings before after one use.
    #[serde(default)]
    pub(crate) once: bool,
}

/// How webhooks are delivered.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct WebhookSettings {
    /// Extra copies of every event.
    pub(crate) duplicate: u32,
    /// Deliver every second event before the one that came first.
    pub(crate) reorder: bool,
    /// Milliseconds on the simulator's clock before an event goes out.
    pub(crate) delay_ms: i64,
    /// Lose this many of the next events.
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

/// How uploads are processed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct UploadSettings {
    /// Polls that answer "still being processed".
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

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// 401, token dead.
    Unauthorized,
    /// 401, scope missing.
    ScopeMissing,
    /// 403, application inactive.
    Inactive,
    /// 404.
    NotFound,
    /// 429.
    RateLimit,
    /// 500 with an HTML page.
    ServerError,
    /// 502 with plain text.
    BadGateway,
    /// 503 with a Fault.
    Unavailable,
    /// No answer for `delay_ms`, then 504.
    Timeout,
    /// The true answer, one piece every now and then over `delay_ms`.
    Slow,
    /// The connection breaks instead of an answer.
    Reset,
    /// The true answer, cut in half.
    Truncated,
    /// The call is carried out, then the connection breaks: the answer is lost.
    AnswerLost,
}

/// A rule that makes calls go wrong.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct FaultRule {
    /// `GET /activities/{id}`, `* /oauth/token`, `*`: method and path without `/api/v3`; `*` stands for anything.
    pub(crate) endpoint: String,
    /// What goes wrong.
    pub(crate) kind: FaultKind,
    /// How often; without it until the rules are cleared.
    #[serde(default)]
    pub(crate) count: Option<u32>,
    /// Let so many calls pass first.
    #[serde(default)]
    pub(crate) skip: u32,
    /// For `timeout` and `slow`; 3000 when left out.
    #[serde(default)]
    pub(crate) delay_ms: Option<u64>,
    /// Only calls with a token of this athlete.
    #[serde(default)]
    pub(crate) athlete: Option<i64>,
}

impl FaultRule {
    /// Whether the rule speaks of this endpoint, pattern or path.
    pub(crate) fn fits(&self, endpoint: &str, path: &str) -> bool {
        glob(&self.endpoint, endpoint) || glob(&self.endpoint, path)
    }
}

fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut open = false;
    for part in parts {
        open = true;
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || (open && pattern.ends_with('*'))
}

/// What happened so far.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Counters {
    /// Calls per endpoint.
    pub(crate) calls: BTreeMap<String, u64>,
    /// Answers per status.
    pub(crate) statuses: BTreeMap<String, u64>,
    /// Token calls with a code.
    pub(crate) exchanges: u64,
    /// Token calls with a refresh token.
    pub(crate) refreshes: u64,
    /// Refreshes that made a new access token.
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

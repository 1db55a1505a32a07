//! Reason codes of a copy's state, as stored, published and shown by the API.

pub(crate) const NONE: &str = "";
pub(crate) const STREAMS_PENDING: &str = "streams-pending";
pub(crate) const STREAMS_GONE: &str = "streams-gone";
pub(crate) const NO_STREAMS: &str = "no-streams";
pub(crate) const PRIVATE: &str = "private";
pub(crate) const SOURCE_REMOVED: &str = "source-removed";
pub(crate) const SOURCE_WITHDRAWN: &str = "source-withdrawn";
pub(crate) const NO_LONGER_MATCHES: &str = "no-longer-matches";
pub(crate) const LINK_ENDED: &str = "link-ended";
pub(crate) const NOT_CONNECTED: &str = "not-connected";
pub(crate) const RECONNECT_NEEDED: &str = "reconnect-needed";
pub(crate) const SCOPE_MISSING: &str = "scope-missing";
pub(crate) const TOO_LARGE: &str = "too-large";
pub(crate) const ALREADY_THERE: &str = "already-there";
pub(crate) const REFUSED: &str = "refused";
pub(crate) const UNANSWERED: &str = "unanswered";
pub(crate) const NO_RESULT: &str = "no-result";
pub(crate) const RATE_LIMITED: &str = "rate-limited";
pub(crate) const UNAVAILABLE: &str = "unavailable";
pub(crate) const DELETED: &str = "deleted-at-strava";
pub(crate) const FOUND: &str = "found-in-list";

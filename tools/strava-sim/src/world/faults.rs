//! Fault rules: calls that fail on demand.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The kind of failure injected.
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

/// A rule that makes calls fail.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct FaultRule {
    /// `GET /activities/{id}`, `* /oauth/token`, `*`: method and path without `/api/v3`; `*` stands for anything.
    pub(crate) endpoint: String,
    /// The failure.
    pub(crate) kind: FaultKind,
    /// Number of calls to fail; without it, every call until the rules are cleared.
    pub(crate) count: Option<u32>,
    /// Number of calls to let pass first.
    #[serde(default)]
    pub(crate) skip: u32,
    /// Milliseconds, for `timeout` and `slow`; 3000 when left out.
    pub(crate) delay_ms: Option<u64>,
    /// Only calls with a token of this athlete.
    pub(crate) athlete: Option<i64>,
}

impl FaultRule {
    /// Returns true if the rule names this endpoint pattern or path.
    fn matches(&self, endpoint: &str, path: &str) -> bool {
        matches_glob(&self.endpoint, endpoint) || matches_glob(&self.endpoint, path)
    }
}

fn matches_glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut has_wildcard = false;
    for part in parts {
        has_wildcard = true;
        match rest.find(part) {
            Some(start) => rest = &rest[start + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || (has_wildcard && pattern.ends_with('*'))
}

/// Returns the rule that applies to a call, and counts that use of it.
pub(super) fn take_matching_rule(
    rules: &mut Vec<FaultRule>,
    endpoint: &str,
    path: &str,
    athlete: Option<i64>,
) -> Option<FaultRule> {
    let index = rules.iter().position(|rule| {
        rule.matches(endpoint, path)
            && rule.athlete.is_none_or(|only| athlete == Some(only))
            && rule.count != Some(0)
    })?;
    let rule = &mut rules[index];
    if rule.skip > 0 {
        rule.skip -= 1;
        return None;
    }
    let applied = rule.clone();
    if let Some(count) = &mut rule.count {
        *count -= 1;
        if *count == 0 {
            rules.remove(index);
        }
    }
    Some(applied)
}

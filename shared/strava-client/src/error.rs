//! Errors of API calls, classified by the remedy: another token, another scope, a later time, or none.

use std::fmt;

use kernel::Timestamp;
use serde::Deserialize;

use crate::limits::RateLimits;

/// Reason of a request that could not connect.
pub(crate) const NO_CONNECTION: &str = "no connection";

/// A failed API call.
#[derive(Clone, Debug)]
pub struct StravaError {
    /// The kind of error.
    pub kind: ErrorKind,
    /// HTTP status, if there was a response.
    pub status: Option<u16>,
    /// Rate limits of the response, if any: refused requests count too.
    pub limits: Option<RateLimits>,
    /// Server time of the response.
    pub date: Option<Timestamp>,
}

/// The kinds of errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// 401: the access token is expired or revoked. A refresh and a retry may help.
    #[error("the access token is expired or revoked")]
    TokenDead,
    /// 401: the athlete did not grant this scope. Refreshing does not help.
    #[error("the scope {scope} was not granted")]
    ScopeMissing {
        /// The scope, as Strava names it.
        scope: String,
    },
    /// 403: Strava has deactivated the application.
    #[error("the application is inactive at Strava")]
    AppInactive,
    /// 404: unknown, deleted, or not visible to this token.
    #[error("not found at Strava, or not visible to this token")]
    NotFound,
    /// 429: the rate limit is exceeded.
    #[error("the rate limit is exceeded")]
    RateLimited,
    /// 400 or 401 of the token endpoint: the code or refresh token is used, revoked or unknown.
    #[error("the grant was refused")]
    GrantRefused,
    /// 400 or 401 about the application: wrong client id or client secret.
    #[error("Strava refused the client id or the client secret")]
    ClientRefused,
    /// The application has as many athletes as Strava allows it.
    #[error("Strava's limit of connected athletes is exceeded")]
    AthleteLimit,
    /// Any other refusal, with Strava's explanation.
    #[error("Strava refused: {0}")]
    Fault(Box<Fault>),
    /// No response, or none of the API itself: timeout, 5xx, HTML, truncated JSON.
    #[error("Strava is unavailable: {0}")]
    Unavailable(String),
    /// Valid JSON of an unexpected structure.
    #[error("unexpected response: {0}")]
    Unexpected(String),
}

/// Strava's explanation of a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// Summary.
    #[serde(default)]
    pub message: String,
    /// Details.
    #[serde(default)]
    pub errors: Vec<FaultEntry>,
}

/// A detail of a fault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FaultEntry {
    /// Affected resource, such as `Upload`.
    pub resource: String,
    /// Affected field, such as `data`.
    pub field: String,
    /// Error code, such as `empty`.
    pub code: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.message.is_empty() { "no reason given" } else { &self.message })?;
        for entry in &self.errors {
            write!(f, " ({} {} {})", entry.resource, entry.field, entry.code)?;
        }
        Ok(())
    }
}

impl fmt::Display for StravaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for StravaError {}

impl StravaError {
    /// An error of a call without a response.
    pub(crate) fn unanswered(reason: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unavailable(reason.into()), status: None, limits: None, date: None }
    }

    /// Returns true if the request certainly did not reach Strava.
    pub fn was_never_sent(&self) -> bool {
        matches!(&self.kind, ErrorKind::Unavailable(reason) if reason == NO_CONNECTION)
    }
}

/// The endpoint of a response: a status means something else at the token endpoint than in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Api,
    Token,
}

/// Classifies a response with a status other than 2xx.
pub(crate) fn classify(endpoint: Endpoint, status: u16, body: &[u8]) -> ErrorKind {
    let fault = serde_json::from_slice::<Fault>(body).ok();
    if status == 429 {
        return ErrorKind::RateLimited;
    }
    if !(400..500).contains(&status) || status == 408 {
        return ErrorKind::Unavailable(format!("status {status}"));
    }
    if matches!(endpoint, Endpoint::Token) && status == 403 && is_limit_page(body) {
        return ErrorKind::AthleteLimit;
    }
    // An error page of a proxy must neither invalidate a token nor delete an activity.
    let Some(fault) = fault.or_else(|| body.is_empty().then(Fault::default)) else {
        return ErrorKind::Unavailable(format!("status {status} without a reason in JSON"));
    };
    match (endpoint, status) {
        (Endpoint::Token, 400 | 401) => classify_grant_refusal(fault),
        (Endpoint::Token, 403) if fault.errors.iter().any(FaultEntry::is_athlete_limit) => {
            ErrorKind::AthleteLimit
        }
        (_, 401) => match missing_scope(&fault) {
            Some(scope) => ErrorKind::ScopeMissing { scope },
            None => ErrorKind::TokenDead,
        },
        (_, 403) if fault.errors.iter().any(FaultEntry::is_inactive) => ErrorKind::AppInactive,
        (_, 404) => ErrorKind::NotFound,
        _ => ErrorKind::Fault(Box::new(fault)),
    }
}

fn classify_grant_refusal(fault: Fault) -> ErrorKind {
    let concerns = |resource: &str| {
        fault.errors.iter().any(|entry| entry.resource.eq_ignore_ascii_case(resource))
    };
    if fault.errors.iter().any(FaultEntry::is_athlete_limit) {
        ErrorKind::AthleteLimit
    } else if concerns("Application") {
        ErrorKind::ClientRefused
    } else if concerns("RefreshToken") || concerns("AuthorizationCode") || concerns("RequestToken")
    {
        ErrorKind::GrantRefused
    } else {
        ErrorKind::Fault(Box::new(fault))
    }
}

fn missing_scope(fault: &Fault) -> Option<String> {
    fault.errors.iter().find_map(|entry| {
        let scope = entry.field.strip_suffix("_permission");
        (scope.is_some() || entry.code == "missing")
            .then(|| scope.unwrap_or(&entry.field).to_owned())
    })
}

/// Returns true for the page that Strava shows when an application has all its athletes.
fn is_limit_page(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).to_ascii_lowercase().contains("limit of connected athletes")
}

impl FaultEntry {
    /// `Application / athlete limit / exceeded`.
    fn is_athlete_limit(&self) -> bool {
        self.resource.eq_ignore_ascii_case("Application")
            && [&self.field, &self.code]
                .iter()
                .any(|text| text.to_ascii_lowercase().contains("limit"))
    }

    fn is_inactive(&self) -> bool {
        self.resource.eq_ignore_ascii_case("Application")
            && self.field.eq_ignore_ascii_case("Status")
            && self.code.eq_ignore_ascii_case("Inactive")
    }
}

/// Classifies a parse error: truncated JSON is an outage, another structure is unexpected.
pub(crate) fn classify_json_error(error: &serde_json::Error) -> ErrorKind {
    match error.classify() {
        serde_json::error::Category::Data => ErrorKind::Unexpected(error.to_string()),
        _ => ErrorKind::Unavailable("the response is truncated or not JSON".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(message: &str, resource: &str, field: &str, code: &str) -> String {
        serde_json::json!({"message": message, "errors": [{"resource": resource, "field": field, "code": code}]})
            .to_string()
    }

    #[test]
    fn a_full_application_is_told_from_a_wrong_secret() {
        let limit = fault("Bad Request", "Application", "athlete limit", "exceeded");
        for status in [400, 403] {
            let kind = classify(Endpoint::Token, status, limit.as_bytes());
            assert_eq!(kind, ErrorKind::AthleteLimit, "{status}");
        }
        let page = b"<html><h1>403</h1><p>Limit of connected athletes exceeded</p></html>";
        assert_eq!(classify(Endpoint::Token, 403, page), ErrorKind::AthleteLimit);
        assert!(matches!(classify(Endpoint::Api, 403, page), ErrorKind::Unavailable(_)));
        let secret = fault("Authorization Error", "Application", "", "invalid");
        let kind = classify(Endpoint::Token, 401, secret.as_bytes());
        assert_eq!(kind, ErrorKind::ClientRefused);
    }

    #[test]
    fn a_dead_token_and_a_missing_scope_differ_by_the_field() {
        let dead = fault("Authorization Error", "Athlete", "access_token", "invalid");
        assert_eq!(classify(Endpoint::Api, 401, dead.as_bytes()), ErrorKind::TokenDead);
        let missing =
            fault("Authorization Error", "AccessToken", "activity:read_permission", "missing");
        assert_eq!(
            classify(Endpoint::Api, 401, missing.as_bytes()),
            ErrorKind::ScopeMissing { scope: "activity:read".to_owned() }
        );
    }

    #[test]
    fn an_inactive_application_is_not_a_fault() {
        let body = fault("Forbidden", "Application", "Status", "Inactive");
        assert_eq!(classify(Endpoint::Api, 403, body.as_bytes()), ErrorKind::AppInactive);
        let other = fault("Forbidden", "Athlete", "premium", "required");
        assert!(matches!(classify(Endpoint::Api, 403, other.as_bytes()), ErrorKind::Fault(_)));
    }

    #[test]
    fn a_wrong_client_is_not_taken_for_a_refused_grant() {
        for (status, field) in [(400, "client_id"), (401, "")] {
            let body = fault("Bad Request", "Application", field, "invalid");
            assert_eq!(
                classify(Endpoint::Token, status, body.as_bytes()),
                ErrorKind::ClientRefused
            );
        }
        for (resource, field) in [
            ("RefreshToken", "refresh_token"),
            ("AuthorizationCode", "code"),
            ("RequestToken", "code"),
        ] {
            let body = fault("Bad Request", resource, field, "invalid");
            assert_eq!(classify(Endpoint::Token, 400, body.as_bytes()), ErrorKind::GrantRefused);
        }
    }

    #[test]
    fn an_error_page_of_a_proxy_is_an_outage() {
        for status in [400, 401, 403, 404, 500, 502, 503] {
            let kind = classify(Endpoint::Api, status, b"<html>Something is wrong</html>");
            assert!(matches!(kind, ErrorKind::Unavailable(_)), "{status}: {kind:?}");
        }
        assert_eq!(classify(Endpoint::Api, 404, b""), ErrorKind::NotFound);
        assert_eq!(classify(Endpoint::Api, 429, b"<html>"), ErrorKind::RateLimited);
    }

    #[test]
    fn truncated_json_is_an_outage_and_other_json_is_unexpected() {
        let cut = serde_json::from_str::<Vec<i64>>("[1,2").unwrap_err();
        assert!(matches!(classify_json_error(&cut), ErrorKind::Unavailable(_)));
        let html = serde_json::from_str::<Vec<i64>>("<html>").unwrap_err();
        assert!(matches!(classify_json_error(&html), ErrorKind::Unavailable(_)));
        let other = serde_json::from_str::<Vec<i64>>("{}").unwrap_err();
        assert!(matches!(classify_json_error(&other), ErrorKind::Unexpected(_)));
    }
}

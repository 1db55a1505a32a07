//! What went wrong, told apart by what helps: another token, another scope, another hour, or nothing.

use std::fmt;

use kernel::Timestamp;
use serde::Deserialize;

use crate::limits::RateLimits;

/// Said of a call that found nobody to talk to.
pub(crate) const NO_CONNECTION: &str = "no connection";

/// A call that brought no answer of the kind asked for.
#[derive(Clone, Debug)]
pub struct StravaError {
    /// What it was.
    pub kind: ErrorKind,
    /// The status, when there was an answer at all.
    pub status: Option<u16>,
    /// The budget, when the answer told it: refused calls count too.
    pub limits: Option<RateLimits>,
    /// When Strava answered, by its own clock.
    pub date: Option<Timestamp>,
}

/// The kinds of trouble.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// 401: the access token is expired or revoked. One refresh and one more try may help.
    #[error("the access token is dead")]
    TokenDead,
    /// 401: the athlete did not grant this scope. Refreshing does not help.
    #[error("the scope {scope} was not granted")]
    ScopeMissing {
        /// The scope, as Strava names it.
        scope: String,
    },
    /// 403: the whole application is switched off at Strava. No athlete's fault.
    #[error("the application is inactive at Strava")]
    AppInactive,
    /// 404: unknown, deleted, or not visible to this token.
    #[error("Strava does not know it, or does not show it")]
    NotFound,
    /// 429: the budget is used up.
    #[error("the rate limit is used up")]
    RateLimited,
    /// 400 or 401 of the token endpoint: this code or refresh token is spent, revoked or unknown.
    #[error("the grant was refused")]
    GrantRefused,
    /// 400 or 401 about the application itself: wrong client id or client secret.
    #[error("Strava refused the client id or the client secret")]
    ClientRefused,
    /// Any other refusal that Strava explained.
    #[error("Strava refused: {0}")]
    Fault(Box<Fault>),
    /// No answer, or none of Strava's own making: time-out, 5xx, HTML, JSON cut short.
    #[error("Strava is unavailable: {0}")]
    Unavailable(String),
    /// Whole JSON that is not what was asked for.
    #[error("the answer is not what was asked for: {0}")]
    Unexpected(String),
}

/// Strava's own explanation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// The sentence.
    #[serde(default)]
    pub message: String,
    /// What it is about.
    #[serde(default)]
    pub errors: Vec<FaultEntry>,
}

/// One thing that a fault is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FaultEntry {
    /// Such as `Upload`.
    pub resource: String,
    /// Such as `data`.
    pub field: String,
    /// Such as `empty`.
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
    /// A call that brought no answer at all.
    pub(crate) fn unanswered(reason: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unavailable(reason.into()), status: None, limits: None, date: None }
    }

    /// Whether the call certainly never reached Strava.
    pub fn was_never_sent(&self) -> bool {
        matches!(&self.kind, ErrorKind::Unavailable(reason) if reason == NO_CONNECTION)
    }

    /// Whether the same call may succeed later without anybody doing anything.
    pub const fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Unavailable(_)
                | ErrorKind::RateLimited
                | ErrorKind::AppInactive
                | ErrorKind::Unexpected(_)
        )
    }
}

/// Which of Strava's doors answered: the same status means another thing at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Api,
    Token,
}

/// What a refusal means.
pub(crate) fn classify(endpoint: Endpoint, status: u16, body: &[u8]) -> ErrorKind {
    let fault = serde_json::from_slice::<Fault>(body).ok();
    if status == 429 {
        return ErrorKind::RateLimited;
    }
    if !(400..500).contains(&status) || status == 408 {
        return ErrorKind::Unavailable(format!("status {status}"));
    }
    // A page in front of Strava, not Strava: it must neither kill a token nor bury an activity.
    let Some(fault) = fault.or_else(|| body.is_empty().then(Fault::default)) else {
        return ErrorKind::Unavailable(format!("status {status} without a reason in JSON"));
    };
    match (endpoint, status) {
        (Endpoint::Token, 400 | 401) => refused_grant(fault),
        (_, 401) => match missing_scope(&fault) {
            Some(scope) => ErrorKind::ScopeMissing { scope },
            None => ErrorKind::TokenDead,
        },
        (_, 403) if fault.errors.iter().any(FaultEntry::is_inactive) => ErrorKind::AppInactive,
        (_, 404) => ErrorKind::NotFound,
        _ => ErrorKind::Fault(Box::new(fault)),
    }
}

fn refused_grant(fault: Fault) -> ErrorKind {
    let about = |resource: &str| {
        fault.errors.iter().any(|entry| entry.resource.eq_ignore_ascii_case(resource))
    };
    if about("Application") {
        ErrorKind::ClientRefused
    } else if about("RefreshToken") || about("AuthorizationCode") || about("RequestToken") {
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

impl FaultEntry {
    fn is_inactive(&self) -> bool {
        self.resource.eq_ignore_ascii_case("Application")
            && self.field.eq_ignore_ascii_case("Status")
            && self.code.eq_ignore_ascii_case("Inactive")
    }
}

/// What JSON that cannot be read means: cut short is Strava's trouble, another shape is ours.
pub(crate) fn unreadable(error: &serde_json::Error) -> ErrorKind {
    match error.classify() {
        serde_json::error::Category::Data => ErrorKind::Unexpected(error.to_string()),
        _ => ErrorKind::Unavailable("the answer is no whole JSON".to_owned()),
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
    fn a_dead_token_and_a_missing_scope_are_told_apart_by_the_field() {
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
    fn an_inactive_application_is_nobodys_refusal() {
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
    fn a_page_in_front_of_strava_says_nothing_about_what_was_asked_for() {
        for status in [400, 401, 403, 404, 500, 502, 503] {
            let kind = classify(Endpoint::Api, status, b"<html>Something is wrong</html>");
            assert!(matches!(kind, ErrorKind::Unavailable(_)), "{status}: {kind:?}");
        }
        assert_eq!(classify(Endpoint::Api, 404, b""), ErrorKind::NotFound);
        assert_eq!(classify(Endpoint::Api, 429, b"<html>"), ErrorKind::RateLimited);
    }

    #[test]
    fn json_cut_short_is_trouble_and_json_of_another_shape_is_a_surprise() {
        let cut = serde_json::from_str::<Vec<i64>>("[1,2").unwrap_err();
        assert!(matches!(unreadable(&cut), ErrorKind::Unavailable(_)));
        let html = serde_json::from_str::<Vec<i64>>("<html>").unwrap_err();
        assert!(matches!(unreadable(&html), ErrorKind::Unavailable(_)));
        let other = serde_json::from_str::<Vec<i64>>("{}").unwrap_err();
        assert!(matches!(unreadable(&other), ErrorKind::Unexpected(_)));
    }
}

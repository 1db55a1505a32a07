//! The messages of the lease endpoints.

use kernel::{ApplicationId, AthleteId, Generation, LeaseId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ApiResponse;
use crate::error::{ErrorKind, StravaError};
use crate::limits::RateLimits;
use crate::model::lenient;
use crate::secret::AccessToken;

/// The purpose of a lease; the earlier, the more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// An athlete waits at the consent page.
    Login,
    /// A webhook event.
    Live,
    /// A copy of an activity to a child.
    Copy,
    /// A check for missed events.
    Reconcile,
    /// An import of past activities.
    Backfill,
}

/// A request for a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// The Strava application.
    pub app: ApplicationId,
    /// Athlete whose token is needed.
    pub athlete: AthleteId,
    /// Generation of the connection; any but the current one is denied.
    pub generation: Generation,
    /// Purpose of the calls.
    pub purpose: Purpose,
    /// Idempotency key: a repeated request with it returns the same lease.
    pub attempt: String,
    /// Number of requests that count in the read bucket (and overall).
    pub reads: u32,
    /// Number of requests that count overall only: creations and uploads.
    pub writes: u32,
}

/// A granted lease.
#[derive(Clone, Debug, Deserialize)]
pub struct Lease {
    /// Id, for the report.
    #[serde(rename = "lease")]
    pub id: LeaseId,
    /// Access token for the calls.
    pub access_token: AccessToken,
    /// Expiry of the token.
    #[serde(deserialize_with = "lenient::instant")]
    pub token_expires_at: Timestamp,
    /// Expiry of the lease, before that of the token.
    #[serde(deserialize_with = "lenient::instant")]
    pub lease_expires_at: Timestamp,
}

/// No lease was granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// Not now: no budget left, or the token endpoint is unavailable.
    #[error("not before {0}")]
    RetryAt(Timestamp),
    /// Not for this connection.
    #[error("denied: {0}")]
    Denied(DenialReason),
    /// No response of the token service, or an unexpected one.
    #[error("the token service is unavailable: {0}")]
    Unavailable(String),
}

/// The reason of a denial; the code of the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenialReason {
    /// The athlete disconnected, or the generation is not the current one.
    Disconnected,
    /// The athlete must connect again.
    ReconnectNeeded,
    /// The athlete did not grant a required scope.
    ScopeMissing,
    /// Strava has deactivated the application; ends by itself when Strava reactivates it.
    AppInactive,
}

impl DenialReason {
    /// All reasons.
    pub const ALL: [Self; 4] =
        [Self::Disconnected, Self::ReconnectNeeded, Self::ScopeMissing, Self::AppInactive];

    /// Returns the code on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::ReconnectNeeded => "reconnect-needed",
            Self::ScopeMissing => "scope-missing",
            Self::AppInactive => "app-inactive",
        }
    }
}

impl std::fmt::Display for DenialReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

/// An error of Strava that the token service acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportedFault {
    /// 401: token invalid.
    TokenDead,
    /// 401: scope missing.
    ScopeMissing,
    /// 403: application inactive.
    AppInactive,
    /// 429: rate limit exceeded.
    RateLimited,
    /// No response, or none of the API itself.
    Unavailable,
    /// Any other refusal, 404 included.
    Other,
}

/// The report of a used lease. Reports of several calls are added up with [`Report::merge`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Requests made that count in the read bucket.
    pub reads: u32,
    /// Requests made that count overall only.
    pub writes: u32,
    /// Last HTTP status.
    pub status: Option<u16>,
    /// Last error.
    pub fault: Option<ReportedFault>,
    /// Server time of the last response.
    #[serde(
        serialize_with = "serialize_date",
        deserialize_with = "deserialize_date",
        skip_serializing_if = "Option::is_none"
    )]
    pub date: Option<Timestamp>,
    /// Rate limits of the last response that had them.
    pub limits: Option<RateLimits>,
}

impl Report {
    /// Reports a request that counts in both buckets.
    pub fn for_read<T>(result: &Result<ApiResponse<T>, StravaError>) -> Self {
        Self { reads: 1, ..Self::from_result(result) }
    }

    /// Reports a request that counts overall only.
    pub fn for_write<T>(result: &Result<ApiResponse<T>, StravaError>) -> Self {
        Self { writes: 1, ..Self::from_result(result) }
    }

    /// Adds the report of a later call of the same lease.
    #[must_use]
    pub fn merge(self, next: Self) -> Self {
        Self {
            reads: self.reads.saturating_add(next.reads),
            writes: self.writes.saturating_add(next.writes),
            status: next.status.or(self.status),
            fault: next.fault.or(self.fault),
            date: next.date.or(self.date),
            limits: next.limits.or(self.limits),
        }
    }

    fn from_result<T>(result: &Result<ApiResponse<T>, StravaError>) -> Self {
        match result {
            Ok(response) => Self {
                status: Some(response.status),
                date: response.date,
                limits: response.limits,
                ..Self::default()
            },
            Err(error) => Self {
                status: error.status,
                fault: Some(ReportedFault::from_kind(&error.kind)),
                date: error.date,
                limits: error.limits,
                ..Self::default()
            },
        }
    }
}

impl ReportedFault {
    /// Maps the kind of an error.
    pub const fn from_kind(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::TokenDead => Self::TokenDead,
            ErrorKind::ScopeMissing { .. } => Self::ScopeMissing,
            ErrorKind::AppInactive => Self::AppInactive,
            ErrorKind::RateLimited => Self::RateLimited,
            ErrorKind::Unavailable(_) | ErrorKind::Unexpected(_) => Self::Unavailable,
            _ => Self::Other,
        }
    }
}

/// Writes RFC 3339 with `Z`.
#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn serialize_date<S: Serializer>(
    date: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    date.map(|date| date.to_string()).serialize(serializer)
}

fn deserialize_date<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    struct Date(#[serde(deserialize_with = "lenient::instant")] Timestamp);
    Ok(Option::<Date>::deserialize(deserializer)?.map(|Date(date)| date))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_request_has_the_agreed_wire_format() {
        let request = LeaseRequest {
            app: ApplicationId::new(1),
            athlete: AthleteId::from_uuid(Default::default()),
            generation: Generation::new(3),
            purpose: Purpose::Backfill,
            attempt: "job-7".to_owned(),
            reads: 2,
            writes: 0,
        };
        insta::assert_json_snapshot!(request, @r#"
        {
          "app": 1,
          "athlete": "00000000-0000-0000-0000-000000000000",
          "generation": 3,
          "purpose": "backfill",
          "attempt": "job-7",
          "reads": 2,
          "writes": 0
        }
        "#);
    }

    #[test]
    fn reports_of_two_calls_are_added_up() {
        let ok = Ok(ApiResponse {
            body: (),
            limits: None,
            date: Some(Timestamp::from_secs(5)),
            status: 200,
        });
        let dead = Err::<ApiResponse<()>, _>(StravaError {
            kind: ErrorKind::TokenDead,
            status: Some(401),
            limits: None,
            date: None,
        });
        let report = Report::for_read(&ok).merge(Report::for_write(&dead));
        assert_eq!((report.reads, report.writes, report.status), (1, 1, Some(401)));
        assert_eq!(
            (report.fault, report.date),
            (Some(ReportedFault::TokenDead), Some(Timestamp::from_secs(5)))
        );
        assert_eq!(
            serde_json::from_value::<Report>(serde_json::to_value(&report).unwrap()).unwrap(),
            report
        );
    }
}

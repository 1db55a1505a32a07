//! The lease: the one synchronous call between services. Whoever wants to call Strava asks token
//! for it, and reports afterwards what was used and what Strava said of its budget.

mod client;

use kernel::{ApplicationId, AthleteId, Generation, LeaseId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ApiResponse;
use crate::error::{ErrorKind, StravaError};
use crate::limits::RateLimits;
use crate::secret::AccessToken;

pub use client::LeaseClient;

/// What the calls are for; the earlier, the more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Somebody waits at the consent page.
    Login,
    /// Something happened just now.
    Live,
    /// A copy for a child.
    Copy,
    /// A look at whether we missed something.
    Reconcile,
    /// The past.
    Backfill,
}

/// Which permission is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    /// The Strava application.
    pub app: ApplicationId,
    /// Whose token.
    pub athlete: AthleteId,
    /// Of which connection: another than the current one gets nothing.
    pub generation: Generation,
    /// What for.
    pub purpose: Purpose,
    /// Names this attempt: asking again with it returns the same lease.
    pub attempt: String,
    /// Calls that count in the read bucket (and overall).
    pub reads: u32,
    /// Calls that count overall only: creations and uploads.
    pub writes: u32,
}

/// The permission.
#[derive(Clone, Debug, Deserialize)]
pub struct Lease {
    /// Its id, for the report.
    #[serde(rename = "lease")]
    pub id: LeaseId,
    /// What to call with.
    pub access_token: AccessToken,
    /// When the token ends.
    #[serde(with = "instant")]
    pub token_expires_at: Timestamp,
    /// When the permission ends, which is sooner.
    #[serde(with = "instant")]
    pub lease_expires_at: Timestamp,
}

/// Why there is no permission.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// Not now: the budget, or Strava's token endpoint.
    #[error("not before {0}")]
    RetryAt(Timestamp),
    /// Not with this connection.
    #[error("denied: {0}")]
    Denied(DenialReason),
    /// token did not answer, or not as agreed.
    #[error("the lease service did not answer: {0}")]
    Unavailable(String),
}

/// Why never; the last part of the problem's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenialReason {
    /// Access was withdrawn, or the generation is not the current one.
    Disconnected,
    /// The athlete has to connect again.
    ReconnectNeeded,
    /// The athlete did not grant what this needs.
    ScopeMissing,
    /// The application is switched off at Strava; comes back by itself when Strava takes it back.
    AppInactive,
}

impl DenialReason {
    /// Every reason.
    pub const ALL: [Self; 4] =
        [Self::Disconnected, Self::ReconnectNeeded, Self::ScopeMissing, Self::AppInactive];

    /// The word on the wire.
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

/// What Strava objected to, for token to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportedFault {
    /// 401 about the token.
    TokenDead,
    /// 401 about the scope.
    ScopeMissing,
    /// 403 Inactive.
    AppInactive,
    /// 429.
    RateLimited,
    /// No answer, or none of Strava's own.
    Unavailable,
    /// Any other refusal, 404 included.
    Other,
}

/// What became of a lease. Several calls under one lease are added up with [`Report::merge`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Calls made that count in the read bucket.
    pub reads: u32,
    /// Calls made that count overall only.
    pub writes: u32,
    /// The last status.
    pub status: Option<u16>,
    /// What Strava objected to.
    pub fault: Option<ReportedFault>,
    /// Strava's clock at the last answer.
    #[serde(with = "optional_instant", skip_serializing_if = "Option::is_none")]
    pub date: Option<Timestamp>,
    /// Strava's budget at the last answer that told it.
    pub limits: Option<RateLimits>,
}

impl Report {
    /// One call that counts in both buckets.
    pub fn for_read<T>(result: &Result<ApiResponse<T>, StravaError>) -> Self {
        Self { reads: 1, ..Self::told(result) }
    }

    /// One call that counts overall only.
    pub fn for_write<T>(result: &Result<ApiResponse<T>, StravaError>) -> Self {
        Self { writes: 1, ..Self::told(result) }
    }

    /// This and the next call of the same lease.
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

    fn told<T>(result: &Result<ApiResponse<T>, StravaError>) -> Self {
        match result {
            Ok(answer) => Self {
                status: Some(answer.status),
                date: answer.date,
                limits: answer.limits,
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
    /// The fault in this error.
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

/// Instants on the wire: RFC 3339 with `Z`, as everywhere at the HTTP edge.
pub mod instant {
    use chrono::DateTime;
    use kernel::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the instant.
    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    /// Reads the instant.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text)
            .map(|at| Timestamp::from(at.to_utc()))
            .map_err(D::Error::custom)
    }
}

/// The same, where there may be none.
pub mod optional_instant {
    use chrono::DateTime;
    use kernel::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the instant.
    pub fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.collect_str(at),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the instant.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| DateTime::parse_from_rfc3339(&text).map(|at| Timestamp::from(at.to_utc())))
            .transpose()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_is_what_was_agreed() {
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
    fn two_calls_of_one_lease_are_added_up() {
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

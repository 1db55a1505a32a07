//! The HTTP client of the lease endpoints of the token service.

use std::time::Duration;

use kernel::{LeaseId, Timestamp};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::model::lenient;

use super::{DenialReason, Lease, LeaseError, LeaseRequest, Report};

/// Requests leases from the token service and reports their use.
#[derive(Clone, Debug)]
pub struct LeaseClient {
    base: Url,
    credential: SecretString,
    http: reqwest::Client,
}

impl LeaseClient {
    /// Request timeout; longer than a token refresh at a slow Strava takes.
    const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);

    /// A client of the token service with its operations port at `base`.
    pub const fn new(base: Url, credential: SecretString, http: reqwest::Client) -> Self {
        Self { base, credential, http }
    }

    /// Requests a lease. A repeated request with the same `attempt` returns the same lease.
    pub async fn request_lease(&self, request: &LeaseRequest) -> Result<Lease, LeaseError> {
        let response = self.post("internal/v1/leases", request).await?;
        let status = response.status();
        let body = response.bytes().await.map_err(map_transport_error)?;
        match status {
            StatusCode::OK => {
                serde_json::from_slice(&body).map_err(|_no_lease| unexpected_status(status))
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let refusal: RetryLater =
                    serde_json::from_slice(&body).map_err(|_no_time| unexpected_status(status))?;
                Err(LeaseError::RetryAt(refusal.retry_at))
            }
            StatusCode::CONFLICT => Err(parse_denial_reason(&body)
                .map_or_else(|| unexpected_status(status), LeaseError::Denied)),
            _ => Err(unexpected_status(status)),
        }
    }

    /// Reports the used requests. If the report gets lost, the lease counts as fully used.
    pub async fn report_usage(&self, lease: LeaseId, report: &Report) -> Result<(), LeaseError> {
        let response = self.post(&format!("internal/v1/leases/{lease}/report"), report).await?;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(unexpected_status(status)) }
    }

    async fn post(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<reqwest::Response, LeaseError> {
        let url =
            self.base.join(path).map_err(|error| LeaseError::Unavailable(error.to_string()))?;
        let mut headers = reqwest::header::HeaderMap::new();
        telemetry::inject_traceparent(&mut headers);
        self.http
            .post(url)
            .headers(headers)
            .bearer_auth(self.credential.expose_secret())
            .timeout(Self::REQUEST_TIMEOUT)
            .json(body)
            .send()
            .await
            .map_err(map_transport_error)
    }
}

#[derive(Deserialize)]
struct RetryLater {
    #[serde(deserialize_with = "lenient::instant")]
    retry_at: Timestamp,
}

fn parse_denial_reason(body: &[u8]) -> Option<DenialReason> {
    #[derive(Deserialize)]
    struct Problem {
        #[serde(rename = "type")]
        kind: String,
    }
    let problem: Problem = serde_json::from_slice(body).ok()?;
    let code = problem.kind.rsplit('/').next()?.to_owned();
    DenialReason::ALL.into_iter().find(|reason| reason.code() == code)
}

fn map_transport_error(error: reqwest::Error) -> LeaseError {
    LeaseError::Unavailable(error.to_string())
}

fn unexpected_status(status: StatusCode) -> LeaseError {
    LeaseError::Unavailable(format!("unexpected status {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_part_of_the_problem_type() {
        assert_eq!(
            parse_denial_reason(
                br#"{"type":"https://paceline.dev/problems/reconnect-needed","title":"x"}"#
            ),
            Some(DenialReason::ReconnectNeeded)
        );
        assert_eq!(parse_denial_reason(b"{}"), None);
    }
}

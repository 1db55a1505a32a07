//! Asks token for leases over HTTP.

use std::time::Duration;

use kernel::{LeaseId, Timestamp};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{DenialReason, Lease, LeaseError, LeaseRequest, Report, instant};

/// Asks token for leases.
#[derive(Clone, Debug)]
pub struct LeaseClient {
    base: Url,
    credential: SecretString,
    http: reqwest::Client,
}

impl LeaseClient {
    /// Longer than token may take to refresh at a slow Strava.
    const DEFAULT_TIMEOUT: Duration = Duration::from_secs(40);

    /// A client of the token service whose operations port is at `base`.
    pub const fn new(base: Url, credential: SecretString, http: reqwest::Client) -> Self {
        Self { base, credential, http }
    }

    /// Asks for a lease.
    pub async fn request_lease(&self, request: &LeaseRequest) -> Result<Lease, LeaseError> {
        let response = self.post("internal/v1/leases", request).await?;
        let status = response.status();
        let body = response.bytes().await.map_err(broken)?;
        match status {
            StatusCode::OK => serde_json::from_slice(&body).map_err(|_no_lease| unagreed(status)),
            StatusCode::TOO_MANY_REQUESTS => {
                let refusal: NotNow =
                    serde_json::from_slice(&body).map_err(|_no_time| unagreed(status))?;
                Err(LeaseError::RetryAt(refusal.retry_at))
            }
            StatusCode::CONFLICT => {
                Err(never(&body).map_or_else(|| unagreed(status), LeaseError::Denied))
            }
            _ => Err(unagreed(status)),
        }
    }

    /// Reports what was used. A report that gets lost costs only budget: the lease counts as used up.
    pub async fn report_usage(&self, lease: LeaseId, report: &Report) -> Result<(), LeaseError> {
        let response = self.post(&format!("internal/v1/leases/{lease}/report"), report).await?;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(unagreed(status)) }
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
            .timeout(Self::DEFAULT_TIMEOUT)
            .json(body)
            .send()
            .await
            .map_err(broken)
    }
}

#[derive(Deserialize)]
struct NotNow {
    #[serde(with = "instant")]
    retry_at: Timestamp,
}

fn never(body: &[u8]) -> Option<DenialReason> {
    #[derive(Deserialize)]
    struct Problem {
        #[serde(rename = "type")]
        kind: String,
    }
    let problem: Problem = serde_json::from_slice(body).ok()?;
    let code = problem.kind.rsplit('/').next()?.to_owned();
    DenialReason::ALL.into_iter().find(|reason| reason.code() == code)
}

fn broken(error: reqwest::Error) -> LeaseError {
    LeaseError::Unavailable(error.to_string())
}

fn unagreed(status: StatusCode) -> LeaseError {
    LeaseError::Unavailable(format!("it answered {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_part_of_the_type() {
        assert_eq!(
            never(br#"{"type":"https://paceline.dev/problems/reconnect-needed","title":"x"}"#),
            Some(DenialReason::ReconnectNeeded)
        );
        assert_eq!(never(b"{}"), None);
    }
}

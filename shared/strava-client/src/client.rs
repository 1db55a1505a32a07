//! The client: joins paths, carries tokens in headers, and says what came back.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use url::Url;

use crate::base_urls::{BaseUrls, InvalidBaseUrl};
use crate::error::{Endpoint, NO_CONNECTION, StravaError, classify};
use crate::limits::RateLimits;
use crate::response::{ApiResponse, date};
use crate::secret::AccessToken;

/// The largest answer read: the streams of a very long day are a tenth of it.
const MAX_BODY: usize = 48 * 1024 * 1024;

/// A client of one Strava.
#[derive(Clone, Debug)]
pub struct Client {
    base_urls: BaseUrls,
    http: reqwest::Client,
    timeout: Duration,
}

impl Client {
    /// How long a call may take unless told otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

    /// A client of the Strava at this address (see [`BaseUrls::new`]).
    pub fn new(base: &Url, http: reqwest::Client) -> Result<Self, InvalidBaseUrl> {
        Ok(Self::with_base_urls(BaseUrls::new(base)?, http))
    }

    /// A client of the Strava at these addresses.
    pub const fn with_base_urls(base_urls: BaseUrls, http: reqwest::Client) -> Self {
        Self { base_urls, http, timeout: Self::DEFAULT_TIMEOUT }
    }

    /// The same client with another time-out for each whole call.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) const fn base_urls(&self) -> &BaseUrls {
        &self.base_urls
    }

    /// A call of the API on behalf of an athlete.
    pub(crate) fn call(
        &self,
        method: Method,
        segments: &[&str],
        token: &AccessToken,
    ) -> RequestBuilder {
        self.request(method, self.base_urls.api(segments)).bearer_auth(token.expose())
    }

    /// A call on behalf of nobody: OAuth and subscriptions.
    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http
            .request(method, url)
            .timeout(self.timeout)
            .header(reqwest::header::ACCEPT, "application/json")
    }

    /// Sends the call and reads the whole answer; anything but a 2xx is an error.
    pub(crate) async fn send(
        &self,
        endpoint: Endpoint,
        request: RequestBuilder,
    ) -> Result<ApiResponse<Vec<u8>>, StravaError> {
        let response = request.send().await.map_err(unanswered)?;
        let status = response.status().as_u16();
        let limits = RateLimits::from_headers(response.headers());
        let date = date(response.headers());
        let told = |mut error: StravaError| {
            error.status = Some(status);
            error.limits = limits;
            error.date = date;
            error
        };
        let body = read(response).await.map_err(told)?;
        if (200..300).contains(&status) {
            return Ok(ApiResponse { body, limits, date, status });
        }
        Err(StravaError {
            kind: classify(endpoint, status, &body),
            status: Some(status),
            limits,
            date,
        })
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, StravaError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(StravaError::unanswered(format!(
                "the answer is larger than {MAX_BODY} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Why there is no answer; never the address, for a subscription's carries the client secret.
fn unanswered(error: reqwest::Error) -> StravaError {
    let what = if error.is_timeout() {
        "time-out"
    } else if error.is_connect() {
        NO_CONNECTION
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the call broke off"
    };
    tracing::debug!(error = %error.without_url(), "Strava did not answer");
    StravaError::unanswered(what)
}

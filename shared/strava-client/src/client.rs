//! The client: builds requests, sends them and classifies the responses.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use url::Url;

use crate::base_urls::{BaseUrls, InvalidBaseUrl};
use crate::error::{Endpoint, NO_CONNECTION, StravaError, classify};
use crate::limits::RateLimits;
use crate::response::{ApiResponse, server_date};
use crate::secret::AccessToken;

/// Maximum size of a response in bytes; the streams of a very long activity take a tenth of it.
const MAX_BODY_BYTES: usize = 48 * 1024 * 1024;

/// A client of the Strava API at one base URL.
#[derive(Clone, Debug)]
pub struct Client {
    base_urls: BaseUrls,
    http: reqwest::Client,
    timeout: Duration,
}

impl Client {
    /// Default timeout of a request, response body included.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

    /// A client of the API at `base`: `https://www.strava.com/`, a simulator, or an API root that ends in
    /// `api/v3`.
    pub fn new(base: &Url, http: reqwest::Client) -> Result<Self, InvalidBaseUrl> {
        Ok(Self { base_urls: BaseUrls::new(base)?, http, timeout: Self::DEFAULT_TIMEOUT })
    }

    /// Sets the timeout of a request.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) const fn base_urls(&self) -> &BaseUrls {
        &self.base_urls
    }

    /// Builds an API request on behalf of an athlete.
    pub(crate) fn athlete_request(
        &self,
        method: Method,
        segments: &[&str],
        token: &AccessToken,
    ) -> RequestBuilder {
        self.request(method, self.base_urls.api_url(segments)).bearer_auth(token.expose())
    }

    /// Builds a request without a token: OAuth and subscriptions.
    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http
            .request(method, url)
            .timeout(self.timeout)
            .header(reqwest::header::ACCEPT, "application/json")
    }

    /// Sends a request and reads the whole response; any status but 2xx is an error.
    pub(crate) async fn send(
        &self,
        endpoint: Endpoint,
        request: RequestBuilder,
    ) -> Result<ApiResponse<Vec<u8>>, StravaError> {
        let response = request.send().await.map_err(map_transport_error)?;
        let status = response.status().as_u16();
        let limits = RateLimits::from_headers(response.headers());
        let date = server_date(response.headers());
        let with_headers = |mut error: StravaError| {
            error.status = Some(status);
            error.limits = limits;
            error.date = date;
            error
        };
        let body = read_body(response).await.map_err(with_headers)?;
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

async fn read_body(mut response: Response) -> Result<Vec<u8>, StravaError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(map_transport_error)? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(StravaError::unanswered(format!(
                "the response is larger than {MAX_BODY_BYTES} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Maps a transport error. The URL is dropped: that of a subscription holds the client secret.
fn map_transport_error(error: reqwest::Error) -> StravaError {
    let reason = if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        NO_CONNECTION
    } else if error.is_body() || error.is_decode() {
        "the response broke off"
    } else {
        "the request broke off"
    };
    tracing::debug!(error = %error.without_url(), "no response from Strava");
    StravaError::unanswered(reason)
}

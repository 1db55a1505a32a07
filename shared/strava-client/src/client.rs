//! The client: joins paths, carries tokens in headers, and says what came back.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use url::Url;

use crate::address::{Addresses, BadAddress};
use crate::answer::{Answer, date};
use crate::error::{Door, NO_CONNECTION, StravaError, classify};
use crate::limits::RateLimits;
use crate::secret::AccessToken;

/// The largest answer read: the streams of a very long day are a tenth of it.
const MAX_BODY: usize = 48 * 1024 * 1024;

/// A client of one Strava.
#[derive(Clone, Debug)]
pub struct Client {
    addresses: Addresses,
    http: reqwest::Client,
    patience: Duration,
}

impl Client {
    /// How long a call may take unless told otherwise.
    pub const PATIENCE: Duration = Duration::from_secs(30);

    /// A client of the Strava at this address (see [`Addresses::new`]).
    pub fn new(base: &Url, http: reqwest::Client) -> Result<Self, BadAddress> {
        Ok(Self::at(Addresses::new(base)?, http))
    }

    /// A client of the Strava at these addresses.
    pub const fn at(addresses: Addresses, http: reqwest::Client) -> Self {
        Self { addresses, http, patience: Self::PATIENCE }
    }

    /// The same client with another time-out for each whole call.
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(crate) const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// A call of the API on behalf of an athlete.
    pub(crate) fn call(
        &self,
        method: Method,
        segments: &[&str],
        token: &AccessToken,
    ) -> RequestBuilder {
        self.request(method, self.addresses.api(segments)).bearer_auth(token.expose())
    }

    /// A call on behalf of nobody: OAuth and subscriptions.
    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http
            .request(method, url)
            .timeout(self.patience)
            .header(reqwest::header::ACCEPT, "application/json")
    }

    /// Sends the call and reads the whole answer; anything but a 2xx is an error.
    pub(crate) async fn send(
        &self,
        door: Door,
        request: RequestBuilder,
    ) -> Result<Answer<Vec<u8>>, StravaError> {
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
            return Ok(Answer { body, limits, date, status });
        }
        Err(StravaError { kind: classify(door, status, &body), status: Some(status), limits, date })
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

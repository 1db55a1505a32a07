//! A response of the API: its body, the server time and the rate limits.

use kernel::Timestamp;
use reqwest::header::{DATE, HeaderMap};
use serde::de::DeserializeOwned;

use crate::error::{ErrorKind, StravaError, classify_json_error};
use crate::limits::RateLimits;

/// A successful response.
#[derive(Clone, Debug)]
pub struct ApiResponse<T> {
    /// The body.
    pub body: T,
    /// Rate limits of the headers; responses of the token endpoint have none.
    pub limits: Option<RateLimits>,
    /// Server time of the response.
    pub date: Option<Timestamp>,
    /// The HTTP status.
    pub status: u16,
}

impl<T> ApiResponse<T> {
    /// Maps the body.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> ApiResponse<U> {
        ApiResponse {
            body: with(self.body),
            limits: self.limits,
            date: self.date,
            status: self.status,
        }
    }

    /// Maps the body; an error keeps the status and headers of the response.
    pub(crate) fn try_map<U>(
        self,
        with: impl FnOnce(T) -> Result<U, ErrorKind>,
    ) -> Result<ApiResponse<U>, StravaError> {
        let Self { body, limits, date, status } = self;
        match with(body) {
            Ok(body) => Ok(ApiResponse { body, limits, date, status }),
            Err(kind) => Err(StravaError { kind, status: Some(status), limits, date }),
        }
    }
}

impl ApiResponse<Vec<u8>> {
    /// Parses the body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<ApiResponse<T>, StravaError> {
        self.try_map(|body| {
            serde_json::from_slice(&body).map_err(|error| classify_json_error(&error))
        })
    }
}

/// Returns the server time: the `Date` header.
pub(crate) fn server_date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    chrono::DateTime::parse_from_rfc2822(text).ok().map(|at| Timestamp::from(at.to_utc()))
}

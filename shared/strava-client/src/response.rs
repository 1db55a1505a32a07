//! An answer and what stands around it: Strava's clock and the state of its budget.

use kernel::Timestamp;
use reqwest::header::{DATE, HeaderMap};
use serde::de::DeserializeOwned;

use crate::error::{ErrorKind, StravaError, unreadable};
use crate::limits::RateLimits;

/// What Strava answered.
#[derive(Clone, Debug)]
pub struct ApiResponse<T> {
    /// The answer itself.
    pub body: T,
    /// The budget as the answer's headers tell it; token answers have none.
    pub limits: Option<RateLimits>,
    /// When Strava answered, by its own clock.
    pub date: Option<Timestamp>,
    /// The status.
    pub status: u16,
}

impl<T> ApiResponse<T> {
    /// The same answer with another body.
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> ApiResponse<U> {
        ApiResponse {
            body: with(self.body),
            limits: self.limits,
            date: self.date,
            status: self.status,
        }
    }

    /// The same answer with a body that may turn out not to be one.
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
    /// The body as JSON of this shape.
    pub(crate) fn json<T: DeserializeOwned>(self) -> Result<ApiResponse<T>, StravaError> {
        self.try_map(|body| serde_json::from_slice(&body).map_err(|error| unreadable(&error)))
    }
}

/// Strava's clock in the headers.
pub(crate) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    chrono::DateTime::parse_from_rfc2822(text).ok().map(|at| Timestamp::from(at.to_utc()))
}

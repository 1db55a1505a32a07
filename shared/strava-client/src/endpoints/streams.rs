//! The streams of one activity.

use kernel::StravaActivityId;
use reqwest::Method;

use crate::error::{Endpoint, ErrorKind, StravaError};
use crate::model::Streams;
use crate::{AccessToken, ApiResponse, Client};

/// Every kind of stream there is.
const KINDS: &str = "time,distance,latlng,altitude,velocity_smooth,heartrate,cadence,watts,temp,moving,grade_smooth";

impl Client {
    /// `GET /activities/{id}/streams`, every kind. An activity without streams (a manual one
    /// answers 404) and one whose streams are not ready (`{}`) are answers, not errors.
    pub async fn get_streams(
        &self,
        token: &AccessToken,
        id: StravaActivityId,
    ) -> Result<ApiResponse<Streams>, StravaError> {
        let call = self
            .call(Method::GET, &["activities", &id.to_string(), "streams"], token)
            .query(&[("keys", KINDS), ("key_by_type", "true")]);
        match self.send(Endpoint::Api, call).await {
            Ok(answer) => answer.try_map(|body| Streams::parse(&body)),
            Err(StravaError { kind: ErrorKind::NotFound, status, limits, date }) => {
                Ok(ApiResponse { body: Streams::None, limits, date, status: status.unwrap_or(404) })
            }
            Err(error) => Err(error),
        }
    }
}

//! The streams of one activity.

use kernel::StravaActivityId;
use reqwest::Method;

use crate::error::{Endpoint, ErrorKind, StravaError};
use crate::model::Streams;
use crate::{AccessToken, ApiResponse, Client};

/// All stream types.
const STREAM_TYPES: &str = "time,distance,latlng,altitude,velocity_smooth,heartrate,cadence,watts,temp,moving,grade_smooth";

impl Client {
    /// `GET /activities/{id}/streams`, all types. An activity without streams (404 for a manual one)
    /// and one whose streams are not ready (`{}`) are results, not errors.
    pub async fn get_streams(
        &self,
        token: &AccessToken,
        id: StravaActivityId,
    ) -> Result<ApiResponse<Streams>, StravaError> {
        let request = self
            .athlete_request(Method::GET, &["activities", &id.to_string(), "streams"], token)
            .query(&[("keys", STREAM_TYPES), ("key_by_type", "true")]);
        match self.send(Endpoint::Api, request).await {
            Ok(answer) => answer.try_map(|body| Streams::parse(&body)),
            Err(StravaError { kind: ErrorKind::NotFound, status, limits, date }) => {
                Ok(ApiResponse { body: Streams::None, limits, date, status: status.unwrap_or(404) })
            }
            Err(error) => Err(error),
        }
    }
}

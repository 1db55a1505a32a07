//! The athlete who granted the token.

use reqwest::Method;

use crate::error::{Endpoint, StravaError};
use crate::model::AthleteSummary;
use crate::{AccessToken, ApiResponse, Client};

impl Client {
    /// `GET /athlete`: the athlete of the token.
    pub async fn get_athlete(
        &self,
        token: &AccessToken,
    ) -> Result<ApiResponse<AthleteSummary>, StravaError> {
        self.send(Endpoint::Api, self.athlete_request(Method::GET, &["athlete"], token))
            .await?
            .json()
    }
}

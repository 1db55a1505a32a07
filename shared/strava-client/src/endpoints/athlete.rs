//! The athlete whose token it is.

use reqwest::Method;

use crate::error::{Endpoint, StravaError};
use crate::model::{AthleteSummary, Raw};
use crate::{AccessToken, ApiResponse, Client};

impl Client {
    /// `GET /athlete`
    pub async fn get_athlete(
        &self,
        token: &AccessToken,
    ) -> Result<ApiResponse<Raw<AthleteSummary>>, StravaError> {
        self.send(Endpoint::Api, self.call(Method::GET, &["athlete"], token)).await?.json()
    }
}

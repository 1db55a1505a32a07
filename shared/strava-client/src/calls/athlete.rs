//! The athlete whose token it is.

use reqwest::Method;

use crate::error::{Door, StravaError};
use crate::model::{AthleteSummary, Raw};
use crate::{AccessToken, Answer, Client};

impl Client {
    /// `GET /athlete`
    pub async fn athlete(
        &self,
        token: &AccessToken,
    ) -> Result<Answer<Raw<AthleteSummary>>, StravaError> {
        self.send(Door::Api, self.call(Method::GET, &["athlete"], token)).await?.json()
    }
}

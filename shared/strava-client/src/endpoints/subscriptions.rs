//! The application's one push subscription. These calls carry the client secret, never a token.

use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::error::{Endpoint, StravaError};
use crate::secret::AppCredentials;
use crate::{ApiResponse, Client};

/// The subscription as Strava lists it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Subscription {
    /// What every event carries.
    pub id: i64,
    /// Where events go.
    #[serde(default)]
    pub callback_url: String,
}

impl Client {
    /// `GET /push_subscriptions`: none or one.
    pub async fn list_subscriptions(
        &self,
        app: &AppCredentials,
    ) -> Result<ApiResponse<Vec<Subscription>>, StravaError> {
        let call = self
            .request(Method::GET, self.base_urls().api(&["push_subscriptions"]))
            .query(&pairs(app));
        self.send(Endpoint::Api, call).await?.json()
    }

    /// `POST /push_subscriptions`: while it waits, Strava asks `callback_url` for the challenge.
    pub async fn create_subscription(
        &self,
        app: &AppCredentials,
        callback_url: &str,
        verify_token: &str,
    ) -> Result<ApiResponse<Subscription>, StravaError> {
        let mut form = pairs(app).to_vec();
        form.push(("callback_url", callback_url.to_owned()));
        form.push(("verify_token", verify_token.to_owned()));
        let call =
            self.request(Method::POST, self.base_urls().api(&["push_subscriptions"])).form(&form);
        self.send(Endpoint::Api, call).await?.json()
    }

    /// `DELETE /push_subscriptions/{id}`
    pub async fn delete_subscription(
        &self,
        app: &AppCredentials,
        id: i64,
    ) -> Result<ApiResponse<()>, StravaError> {
        let url = self.base_urls().api(&["push_subscriptions", &id.to_string()]);
        Ok(self
            .send(Endpoint::Api, self.request(Method::DELETE, url).query(&pairs(app)))
            .await?
            .map(drop))
    }
}

fn pairs(app: &AppCredentials) -> [(&'static str, String); 2] {
    [
        ("client_id", app.client_id.to_string()),
        ("client_secret", app.client_secret.expose_secret().to_owned()),
    ]
}

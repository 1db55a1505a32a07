//! The push subscription of the application, at most one. These requests carry the client secret, never
//! a token.

use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::error::{Endpoint, StravaError};
use crate::secret::AppCredentials;
use crate::{ApiResponse, Client};

/// A push subscription.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Subscription {
    /// Id, repeated in every event.
    pub id: i64,
    /// URL that receives the events.
    #[serde(default)]
    pub callback_url: String,
}

impl Client {
    /// `GET /push_subscriptions`: the subscriptions, at most one.
    pub async fn list_subscriptions(
        &self,
        app: &AppCredentials,
    ) -> Result<ApiResponse<Vec<Subscription>>, StravaError> {
        let call = self
            .request(Method::GET, self.base_urls().api_url(&["push_subscriptions"]))
            .query(&app_params(app));
        self.send(Endpoint::Api, call).await?.json()
    }

    /// `POST /push_subscriptions`: before it answers, Strava requests the challenge from `callback_url`.
    pub async fn create_subscription(
        &self,
        app: &AppCredentials,
        callback_url: &str,
        verify_token: &str,
    ) -> Result<ApiResponse<Subscription>, StravaError> {
        let mut form = app_params(app).to_vec();
        form.push(("callback_url", callback_url.to_owned()));
        form.push(("verify_token", verify_token.to_owned()));
        let call = self
            .request(Method::POST, self.base_urls().api_url(&["push_subscriptions"]))
            .form(&form);
        self.send(Endpoint::Api, call).await?.json()
    }

    /// `DELETE /push_subscriptions/{id}`: ends the subscription.
    pub async fn delete_subscription(
        &self,
        app: &AppCredentials,
        id: i64,
    ) -> Result<ApiResponse<()>, StravaError> {
        let url = self.base_urls().api_url(&["push_subscriptions", &id.to_string()]);
        Ok(self
            .send(Endpoint::Api, self.request(Method::DELETE, url).query(&app_params(app)))
            .await?
            .map(drop))
    }
}

fn app_params(app: &AppCredentials) -> [(&'static str, String); 2] {
    [
        ("client_id", app.client_id.to_string()),
        ("client_secret", app.client_secret.expose_secret().to_owned()),
    ]
}

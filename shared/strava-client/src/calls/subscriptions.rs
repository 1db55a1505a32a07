//! The application's one push subscription. These calls carry the client secret, never a token.

use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::error::{Door, StravaError};
use crate::secret::AppCredentials;
use crate::{Answer, Client};

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
    pub async fn subscriptions(
        &self,
        app: &AppCredentials,
    ) -> Result<Answer<Vec<Subscription>>, StravaError> {
        let call = self
            .request(Method::GET, self.addresses().api(&["push_subscriptions"]))
            .query(&pairs(app));
        self.send(Door::Api, call).await?.json()
    }

    /// `POST /push_subscriptions`: while it waits, Strava asks `callback_url` for the challenge.
    pub async fn subscribe(
        &self,
        app: &AppCredentials,
        callback_url: &str,
        verify_token: &str,
    ) -> Result<Answer<Subscription>, StravaError> {
        let mut form = pairs(app).to_vec();
        form.push(("callback_url", callback_url.to_owned()));
        form.push(("verify_token", verify_token.to_owned()));
        let call =
            self.request(Method::POST, self.addresses().api(&["push_subscriptions"])).form(&form);
        self.send(Door::Api, call).await?.json()
    }

    /// `DELETE /push_subscriptions/{id}`
    pub async fn unsubscribe(
        &self,
        app: &AppCredentials,
        id: i64,
    ) -> Result<Answer<()>, StravaError> {
        let url = self.addresses().api(&["push_subscriptions", &id.to_string()]);
        Ok(self
            .send(Door::Api, self.request(Method::DELETE, url).query(&pairs(app)))
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

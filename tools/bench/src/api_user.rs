//! A user of the public interface, as a script would be.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::sleep;

/// Time between two polls of the totals.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// A signed-in user.
pub(crate) struct ApiUser {
    base: String,
    token: String,
    http: Client,
}

impl ApiUser {
    /// Signs in.
    pub(crate) async fn sign_in(
        http: &Client,
        base: &str,
        email: &str,
        password: &str,
    ) -> anyhow::Result<Self> {
        let request = http
            .post(format!("{base}/v1/session"))
            .json(&json!({"email": email, "password": password}));
        let answer = fetch_json(request).await?;
        let token =
            answer["access_token"].as_str().context("no access token in the answer")?.to_owned();
        Ok(Self { base: base.to_owned(), token, http: http.clone() })
    }

    /// Connects Strava: requests the authorize address and follows the redirects back.
    pub(crate) async fn connect(&self) -> anyhow::Result<()> {
        let request =
            self.http.post(format!("{}/v1/me/connections", self.base)).bearer_auth(&self.token);
        let answer = fetch_json(request.json(&json!({}))).await?;
        let mut next =
            answer["authorize_url"].as_str().context("no authorize_url in the answer")?.to_owned();
        for _ in 0..5 {
            let response = self.http.get(&next).bearer_auth(&self.token).send().await?;
            let location = response.headers().get("location").and_then(|to| to.to_str().ok());
            let location =
                location.with_context(|| format!("{} instead of a redirect", response.status()))?;
            location.clone_into(&mut next);
            if let Some((_, result)) = next.split_once("strava=") {
                ensure!(result.starts_with("success"), "connecting ended in {result}");
                return Ok(());
            }
        }
        bail!("too many redirects on the way back from Strava")
    }

    /// Fetches the totals of all time.
    pub(crate) async fn fetch_totals(&self) -> anyhow::Result<Value> {
        let path = "/v1/me/stats/summary?from=1990-01-01&to=2100-01-01&group=year";
        let answer =
            fetch_json(self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token))
                .await?;
        Ok(answer["total"].clone())
    }

    /// Fetches the number of counted activities.
    pub(crate) async fn fetch_count(&self) -> anyhow::Result<i64> {
        Ok(self.fetch_totals().await?["count"].as_i64().unwrap_or(0))
    }

    /// Waits until this many activities are counted.
    pub(crate) async fn wait_for_count(&self, count: i64, timeout: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let counted = self.fetch_count().await?;
            if counted >= count {
                return Ok(());
            }
            ensure!(
                began.elapsed() < timeout,
                "{counted} of {count} activities counted after {timeout:?}"
            );
            sleep(POLL_INTERVAL).await;
        }
    }
}

async fn fetch_json(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let response = request.send().await?;
    let (status, url) = (response.status(), response.url().path().to_owned());
    let text = response.text().await?;
    ensure!(status.is_success(), "{url} answered {status}: {text}");
    serde_json::from_str(&text).with_context(|| format!("{url} did not answer JSON"))
}

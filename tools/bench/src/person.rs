//! Somebody with an account, who acts through the public interface as a script would.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::sleep;

/// How often the totals are looked at while something is waited for.
const LOOK: Duration = Duration::from_millis(1);

/// A signed-in person.
pub(crate) struct Person {
    base: String,
    token: String,
    http: Client,
}

impl Person {
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
        let answer = read(request).await?;
        let token =
            answer["access_token"].as_str().context("no access token in the answer")?.to_owned();
        Ok(Self { base: base.to_owned(), token, http: http.clone() })
    }

    /// Connects Strava: asks where to go, goes there, and follows the way back.
    pub(crate) async fn connect(&self) -> anyhow::Result<()> {
        let request =
            self.http.post(format!("{}/v1/me/connections", self.base)).bearer_auth(&self.token);
        let answer = read(request.json(&json!({}))).await?;
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

    /// The totals of all time.
    pub(crate) async fn total(&self) -> anyhow::Result<Value> {
        let path = "/v1/me/stats/summary?from=1990-01-01&to=2100-01-01&group=year";
        let answer =
            read(self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token)).await?;
        Ok(answer["total"].clone())
    }

    /// How many activities are counted.
    pub(crate) async fn counted(&self) -> anyhow::Result<i64> {
        Ok(self.total().await?["count"].as_i64().unwrap_or(0))
    }

    /// Waits until so many activities are counted.
    pub(crate) async fn wait_for(&self, count: i64, patience: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let counted = self.counted().await?;
            if counted >= count {
                return Ok(());
            }
            ensure!(
                began.elapsed() < patience,
                "{counted} of {count} activities counted after {patience:?}"
            );
            sleep(LOOK).await;
        }
    }
}

async fn read(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let response = request.send().await?;
    let (status, url) = (response.status(), response.url().path().to_owned());
    let text = response.text().await?;
    ensure!(status.is_success(), "{url} answered {status}: {text}");
    serde_json::from_str(&text).with_context(|| format!("{url} did not answer JSON"))
}

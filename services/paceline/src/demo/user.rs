//! A user of the demo, acting through the public API as a browser or a script would.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use kernel::AthleteId;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// A local account of the demo and the Strava athlete it belongs to.
pub(super) struct DemoAccount {
    pub(super) name: String,
    /// Strava athlete id.
    pub(super) strava: i64,
    pub(super) athlete: AthleteId,
    pub(super) email: String,
    pub(super) password: String,
}

/// A signed-in user.
pub(super) struct DemoUser {
    /// First name.
    pub(super) name: String,
    /// Strava athlete id.
    pub(super) strava: i64,
    base: String,
    token: String,
    http: Client,
}

impl DemoUser {
    /// Signs in.
    pub(super) async fn sign_in(
        http: &Client,
        base: &str,
        account: &DemoAccount,
    ) -> anyhow::Result<Self> {
        let answer: Value = http
            .post(format!("{base}/v1/session"))
            .json(&json!({"email": account.email, "password": account.password}))
            .send()
            .await?
            .error_for_status()
            .with_context(|| format!("{} cannot sign in", account.name))?
            .json()
            .await?;
        let token =
            answer["access_token"].as_str().context("no access token in the answer")?.to_owned();
        Ok(Self {
            name: account.name.clone(),
            strava: account.strava,
            base: base.to_owned(),
            token,
            http: http.clone(),
        })
    }

    /// Connects Strava, with the right to upload if copies are wanted: follows the redirects of the OAuth
    /// authorization.
    pub(super) async fn connect(&self, write: bool) -> anyhow::Result<()> {
        let answer = self.post("/v1/me/connections", &json!({"write": write})).await?;
        let mut next =
            answer["authorize_url"].as_str().context("no authorize_url in the answer")?.to_owned();
        for _ in 0..5 {
            let response = self.http.get(&next).bearer_auth(&self.token).send().await?;
            if !response.status().is_redirection() {
                bail!("{} answered {} on the way back from Strava", host(&next), response.status());
            }
            response
                .headers()
                .get("location")
                .and_then(|to| to.to_str().ok())
                .context("a redirect without a destination")?
                .clone_into(&mut next);
            if let Some((_, result)) = next.split_once("strava=") {
                return if result.starts_with("success") {
                    Ok(())
                } else {
                    bail!("connecting ended in {result}")
                };
            }
        }
        bail!("too many redirects on the way back from Strava")
    }

    /// Sends a GET request.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        read(self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token), path).await
    }

    /// Sends a POST request.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        read(
            self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.token).json(body),
            path,
        )
        .await
    }

    /// Totals by year.
    pub(super) async fn totals(&self) -> anyhow::Result<Value> {
        self.get("/v1/me/stats/summary?from=2000-01-01&to=2100-01-01&group=year").await
    }

    /// Number of counted activities.
    pub(super) async fn counted(&self) -> anyhow::Result<i64> {
        Ok(self.totals().await?["total"]["count"].as_i64().unwrap_or(0))
    }

    /// Waits until `at_least` activities are counted and returns the time it took.
    pub(super) async fn wait_for_count(
        &self,
        at_least: i64,
        timeout: Duration,
        mut progress: impl FnMut(i64),
    ) -> anyhow::Result<Duration> {
        let began = Instant::now();
        loop {
            let counted = self.counted().await?;
            progress(counted);
            if counted >= at_least {
                return Ok(began.elapsed());
            }
            if began.elapsed() > timeout {
                bail!(
                    "{}: {counted} of {at_least} activities counted after {timeout:?}",
                    self.name
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn read(request: reqwest::RequestBuilder, path: &str) -> anyhow::Result<Value> {
    let response = request.send().await?;
    let status = response.status();
    let text = response.text().await?;
    if !status.is_success() {
        bail!("{path} answered {status}: {text}");
    }
    if status == StatusCode::NO_CONTENT || text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&text).with_context(|| format!("{path} did not answer JSON"))
}

fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or(url)
}

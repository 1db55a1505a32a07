//! The simulated Strava next to us: a process of its own, moved through its admin interface.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running simulator; it ends with this value.
pub(super) struct Simulator {
    url: String,
    http: Client,
    _process: Child,
}

#[derive(Deserialize)]
struct Ready {
    url: String,
}

impl Simulator {
    /// Starts the simulator's program and waits until it is ready.
    pub(super) async fn start(program: Option<&Path>, http: Client) -> anyhow::Result<Self> {
        let program = match program {
            Some(given) => given.to_owned(),
            None => beside_us()?,
        };
        let mut process = Command::new(&program)
            .args([
                "--listen",
                "127.0.0.1:0",
                "--seed",
                "42",
                "--athletes",
                "3",
                "--years",
                "2",
                "--consent",
                "page",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| {
                format!(
                    "cannot start the simulator {}: build it with `cargo build --bin strava-sim`",
                    program.display()
                )
            })?;
        let stdout = process.stdout.take().context("the simulator has no output")?;
        let line = BufReader::new(stdout)
            .lines()
            .next_line()
            .await?
            .context("the simulator ended at once")?;
        let ready: Ready = serde_json::from_str(&line)
            .context("the simulator's first line is not what we expect")?;
        Ok(Self { url: ready.url, http, _process: process })
    }

    /// Its address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Says who consents next, as that person would on the page.
    pub(super) async fn consents_next(&self, athlete: i64) -> anyhow::Result<()> {
        self.post("consent", &json!({"mode": "grant", "athlete": athlete})).await.map(|_| ())
    }

    /// The page is for people again.
    pub(super) async fn consent_page(&self) -> anyhow::Result<()> {
        self.post("consent", &json!({"mode": "page"})).await.map(|_| ())
    }

    /// The athletes it has.
    pub(super) async fn athletes(&self) -> anyhow::Result<Vec<Value>> {
        list(self.get("athletes").await?)
    }

    /// The truth about an athlete's activities.
    pub(super) async fn activities(&self, athlete: i64) -> anyhow::Result<Vec<Value>> {
        list(self.get(&format!("athletes/{athlete}/activities")).await?)
    }

    /// Records an activity now; Strava's webhook tells us.
    pub(super) async fn record(&self, activity: &Value) -> anyhow::Result<Value> {
        self.post("activities", activity).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        answer(self.http.get(format!("{}/_sim/{path}", self.url))).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        answer(self.http.post(format!("{}/_sim/{path}", self.url)).json(body)).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let response = request.send().await.context("the simulator does not answer")?;
    let status = response.status();
    let text = response.text().await?;
    if !status.is_success() {
        bail!("the simulator says {status}: {text}");
    }
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

fn list(value: Value) -> anyhow::Result<Vec<Value>> {
    match value {
        Value::Array(items) => Ok(items),
        Value::Object(mut fields) => match fields.remove("items") {
            Some(Value::Array(items)) => Ok(items),
            _ => bail!("the simulator's list is not what we expect"),
        },
        _ => bail!("the simulator's list is not what we expect"),
    }
}

fn beside_us() -> anyhow::Result<PathBuf> {
    let us = std::env::current_exe().context("cannot tell where this program lies")?;
    Ok(us.with_file_name("strava-sim"))
}

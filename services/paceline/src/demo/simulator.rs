//! The simulated Strava of the demo: a process of its own, controlled through its admin API.

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
            None => default_program()?,
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
            .context("the simulator's first line has an unexpected shape")?;
        Ok(Self { url: ready.url, http, _process: process })
    }

    /// Its address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Makes the next authorization a consent of this athlete.
    pub(super) async fn grant_consent_for(&self, athlete: i64) -> anyhow::Result<()> {
        self.post("consent", &json!({"mode": "grant", "athlete": athlete})).await.map(|_| ())
    }

    /// Shows the consent page to people again.
    pub(super) async fn show_consent_page(&self) -> anyhow::Result<()> {
        self.post("consent", &json!({"mode": "page"})).await.map(|_| ())
    }

    /// Its athletes.
    pub(super) async fn athletes(&self) -> anyhow::Result<Vec<Value>> {
        list(self.get("athletes").await?)
    }

    /// The stored activities of an athlete.
    pub(super) async fn activities(&self, athlete: i64) -> anyhow::Result<Vec<Value>> {
        list(self.get(&format!("athletes/{athlete}/activities")).await?)
    }

    /// Records an activity; the webhook reports it.
    pub(super) async fn record(&self, activity: &Value) -> anyhow::Result<Value> {
        self.post("activities", activity).await
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        send(self.http.get(format!("{}/_sim/{path}", self.url))).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        send(self.http.post(format!("{}/_sim/{path}", self.url)).json(body)).await
    }
}

async fn send(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
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
            _ => bail!("the simulator's list has an unexpected shape"),
        },
        _ => bail!("the simulator's list has an unexpected shape"),
    }
}

fn default_program() -> anyhow::Result<PathBuf> {
    let us = std::env::current_exe().context("cannot find the path of this program")?;
    Ok(us.with_file_name("strava-sim"))
}

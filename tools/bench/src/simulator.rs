//! The simulated Strava: a process of its own, without delays and limits, moved through its admin interface.

use std::path::Path;

use anyhow::{Context, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::process::Process;

/// Nobody reaches these.
const UNLIMITED: &str = "1000000000,1000000000,1000000000,1000000000";

/// A running simulator.
pub(crate) struct Simulator {
    pub(crate) url: String,
    http: Client,
    process: Process,
}

impl Simulator {
    /// Starts it with so many athletes, of whom the last may have a history of this many activities.
    pub(crate) async fn start(
        program: &Path,
        folder: &Path,
        athletes: u32,
        history: Option<u32>,
        http: Client,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args([
            "--listen",
            "127.0.0.1:0",
            "--seed",
            "42",
            "--consent",
            "grant",
            "--instant",
        ]);
        command.args(["--limits", UNLIMITED, "--athletes", &athletes.to_string()]);
        if let Some(history) = history {
            command.args(["--history", &history.to_string()]);
        }
        let process = Process::start(command, &folder.join("simulator.log")).await?;
        Ok(Self { url: process.said("url")?.to_owned(), http, process })
    }

    /// Who lives in it, in its order.
    pub(crate) async fn athletes(&self) -> anyhow::Result<Vec<i64>> {
        let list = self.get("athletes").await?;
        let list = list.as_array().context("the simulator's athletes are no list")?;
        Ok(list.iter().filter_map(|athlete| athlete["id"].as_i64()).collect())
    }

    /// The truth about an athlete's activities that are not deleted.
    pub(crate) async fn activities(&self, athlete: i64) -> anyhow::Result<Vec<Value>> {
        let list = self.get(&format!("athletes/{athlete}/activities")).await?;
        let list = list.as_array().context("the simulator's activities are no list")?;
        Ok(list.iter().filter(|activity| activity["deleted"] != true).cloned().collect())
    }

    /// Says who consents next.
    pub(crate) async fn consents_next(&self, athlete: i64) -> anyhow::Result<()> {
        self.post("consent", &json!({"mode": "grant", "athlete": athlete})).await.map(drop)
    }

    /// Records an activity now; the webhook goes out at once.
    pub(crate) async fn record(&self, athlete: i64, name: &str) -> anyhow::Result<Value> {
        self.post("activities", &json!({"athlete": athlete, "name": name})).await
    }

    /// Calls so far, by endpoint.
    pub(crate) async fn calls(&self) -> anyhow::Result<Vec<(String, u64)>> {
        let counters = self.get("counters").await?;
        let calls =
            counters["calls"].as_object().context("the simulator's counters have no calls")?;
        Ok(calls.iter().map(|(name, count)| (name.clone(), count.as_u64().unwrap_or(0))).collect())
    }

    /// The one subscription, once there is one: its id and where it leads.
    pub(crate) async fn subscription(&self) -> anyhow::Result<Option<(i64, String)>> {
        let list = self.get("webhooks/subscriptions").await?;
        let found = &list[0];
        Ok(found["id"].as_i64().zip(found["callback_url"].as_str().map(str::to_owned)))
    }

    /// Ends it.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await
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
    let (status, text) = (response.status(), response.text().await?);
    ensure!(status.is_success(), "the simulator says {status}: {text}");
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

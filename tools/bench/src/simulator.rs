//! The simulated Strava: a process of its own, without delays and limits, moved through its admin interface.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::process::Process;

/// Rate limits out of reach.
const UNLIMITED: &str = "1000000000,1000000000,1000000000,1000000000";

/// The athletes of a simulator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AthleteOptions {
    pub(crate) count: u32,
    /// Number of activities of the last athlete; without it, its usual history.
    pub(crate) history: Option<u32>,
}

/// Paceline's push subscription.
#[derive(Debug, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) id: i64,
    pub(crate) callback_url: String,
}

/// A running simulator.
pub(crate) struct Simulator {
    pub(crate) url: String,
    http: Client,
    process: Process,
}

impl Simulator {
    /// Starts it; its log goes into the folder.
    pub(crate) async fn start(
        program: &Path,
        folder: &Path,
        athletes: &AthleteOptions,
        http: Client,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0", "--seed", "42", "--instant"]);
        command.args(["--consent", "grant", "--limits", UNLIMITED]);
        command.args(["--athletes", &athletes.count.to_string()]);
        if let Some(history) = athletes.history {
            command.args(["--history", &history.to_string()]);
        }
        let process = Process::start(command, &folder.join("simulator.log")).await?;
        Ok(Self { url: process.ready_field("url")?.to_owned(), http, process })
    }

    /// Fetches the ids of the athletes in their order.
    pub(crate) async fn fetch_athletes(&self) -> anyhow::Result<Vec<i64>> {
        let list = self.get("athletes").await?;
        let list = list.as_array().context("the simulator's athletes are not a list")?;
        Ok(list.iter().filter_map(|athlete| athlete["id"].as_i64()).collect())
    }

    /// Fetches the true state of an athlete's activities that are not deleted.
    pub(crate) async fn fetch_activities(&self, athlete: i64) -> anyhow::Result<Vec<Value>> {
        let list = self.get(&format!("athletes/{athlete}/activities")).await?;
        let list = list.as_array().context("the simulator's activities are not a list")?;
        Ok(list.iter().filter(|activity| activity["deleted"] != true).cloned().collect())
    }

    /// Sets the athlete who consents from now on.
    pub(crate) async fn set_consent(&self, athlete: i64) -> anyhow::Result<()> {
        self.post("consent", &json!({"mode": "grant", "athlete": athlete})).await.map(drop)
    }

    /// Creates an activity that ends now; the webhook goes out at once.
    pub(crate) async fn create_activity(&self, athlete: i64, name: &str) -> anyhow::Result<Value> {
        self.post("activities", &json!({"athlete": athlete, "name": name})).await
    }

    /// Fetches the number of calls so far by endpoint.
    pub(crate) async fn fetch_calls(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let counters = self.get("counters").await?;
        let calls =
            counters["calls"].as_object().context("the simulator's counters have no calls")?;
        Ok(calls.iter().map(|(name, count)| (name.clone(), count.as_u64().unwrap_or(0))).collect())
    }

    /// Fetches the subscription, if there is one.
    pub(crate) async fn fetch_subscription(&self) -> anyhow::Result<Option<Subscription>> {
        let mut list = self.get("webhooks/subscriptions").await?;
        let first = list.as_array_mut().and_then(Vec::pop);
        Ok(first.map(serde_json::from_value).transpose()?)
    }

    /// Stops it.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.process.stop().await
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        fetch_json(self.http.get(format!("{}/_sim/{path}", self.url))).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        fetch_json(self.http.post(format!("{}/_sim/{path}", self.url)).json(body)).await
    }
}

async fn fetch_json(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    let response = request.send().await.context("the simulator does not answer")?;
    let (status, text) = (response.status(), response.text().await?);
    ensure!(status.is_success(), "the simulator answered {status}: {text}");
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

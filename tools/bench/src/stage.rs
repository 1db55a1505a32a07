//! What most runs need: an instant simulator and the all-in-one next to it, each a process, with one account.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use event_bus::{Bus, KafkaSettings};
use kernel::{Ids, SystemIds};
use reqwest::Client;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::sleep;

use crate::Place;
use crate::person::Person;
use crate::process::Process;
use crate::simulator::Simulator;

const EMAIL: &str = "bench@paceline.dev";
const PASSWORD: &str = "only-for-this-benchmark-2026";

/// Which log serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    BuiltIn,
    Kafka,
}

impl Log {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in log",
            Self::Kafka => "Kafka",
        }
    }
}

/// Topics of one run: their prefix, and the broker they are on.
#[derive(Clone, Debug)]
pub(crate) struct Topics {
    pub(crate) brokers: String,
    pub(crate) prefix: String,
}

impl Topics {
    /// A prefix that no other run has.
    pub(crate) fn new(place: &Place) -> anyhow::Result<Self> {
        let mut random = [0; 4];
        SystemIds.fill(&mut random);
        Ok(Self {
            brokers: place.broker()?.to_owned(),
            prefix: format!("bench-{:08x}.", u32::from_be_bytes(random)),
        })
    }

    /// A client of them.
    pub(crate) async fn bus(&self) -> anyhow::Result<Bus> {
        let mut settings = KafkaSettings::new(&self.brokers);
        settings.prefix.clone_from(&self.prefix);
        Ok(Bus::open_kafka(settings).await?)
    }

    /// Removes them from the broker.
    pub(crate) async fn remove(&self) -> anyhow::Result<()> {
        self.bus().await?.delete_topics().await;
        Ok(())
    }
}

/// A simulator and Paceline.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) paceline: Process,
    pub(crate) topics: Option<Topics>,
    http: Client,
    url: String,
    folder: TempDir,
}

impl Stage {
    /// Starts both; the simulator has so many athletes, the last with a history of this many activities.
    pub(crate) async fn set(
        place: &Place,
        log: Log,
        (athletes, history): (u32, Option<u32>),
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("paceline-bench-").tempdir()?;
        let http = telemetry::http_client(Duration::from_secs(30))?;
        let program = place.program("strava-sim")?;
        let simulator =
            Simulator::start(&program, folder.path(), athletes, history, http.clone()).await?;
        let topics = if log == Log::Kafka { Some(Topics::new(place)?) } else { None };
        let program = place.program("paceline")?;
        let data = folder.path().join("data");
        let account = add_account(&program, &data).await?;
        let command = up(&program, &data, &simulator, topics.as_ref(), &account)?;
        let paceline = Process::start(command, &folder.path().join("paceline.log")).await?;
        let url = paceline.said("url")?.to_owned();
        Ok(Self { simulator, paceline, topics, http, url, folder })
    }

    /// Where its public door is.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.url.trim_start_matches("http://").parse()?)
    }

    /// Where data and logs lie.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The account's person, signed in.
    pub(crate) async fn person(&self) -> anyhow::Result<Person> {
        Person::sign_in(&self.http, &self.url, EMAIL, PASSWORD).await
    }

    /// What a public path answers.
    pub(crate) async fn text(&self, path: &str) -> anyhow::Result<String> {
        Ok(self
            .http
            .get(format!("{}{path}", self.url))
            .send()
            .await?
            .error_for_status()?
            .text()
            .await?)
    }

    /// A counter of the operations port, summed over its labels; 0 if it was never raised.
    pub(crate) async fn counter(&self, name: &str) -> anyhow::Result<f64> {
        let url = format!("{}/metrics", self.paceline.said("ops_url")?);
        let text = self.http.get(url).send().await?.error_for_status()?.text().await?;
        let lines = text.lines().filter(|line| line.starts_with(name));
        Ok(lines
            .filter_map(|line| line.rsplit(' ').next())
            .filter_map(|value| value.parse::<f64>().ok())
            .sum())
    }

    /// The subscription that Paceline made at its start.
    pub(crate) async fn subscription(&self) -> anyhow::Result<(i64, String)> {
        let began = Instant::now();
        loop {
            if let Some(found) = self.simulator.subscription().await? {
                return Ok(found);
            }
            ensure!(began.elapsed() < Duration::from_secs(20), "no subscription was made");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends both and removes what they left.
    pub(crate) async fn clear(self) -> anyhow::Result<()> {
        self.paceline.stop().await?;
        self.simulator.stop().await?;
        match self.topics {
            Some(topics) => topics.remove().await,
            None => Ok(()),
        }
    }
}

/// An address that is free now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn up(
    program: &PathBuf,
    data: &Path,
    simulator: &Simulator,
    topics: Option<&Topics>,
    athlete: &str,
) -> anyhow::Result<Command> {
    let listen = free_address()?;
    let mut command = Command::new(program);
    command.arg("up").arg("--data-dir").arg(data);
    command.args(["--listen", &listen.to_string(), "--ops-listen", "127.0.0.1:0"]);
    command.args(["--public-url", &format!("http://{listen}/")]);
    command.args(["--strava-url", &format!("{}/", simulator.url)]);
    if let Some(topics) = topics {
        command.args(["--kafka", &topics.brokers]).env("PACELINE_KAFKA__PREFIX", &topics.prefix);
    }
    command
        .env("PACELINE_STRAVA__CLIENT_ID", "1")
        .env("PACELINE_STRAVA__CLIENT_SECRET", "sim-secret");
    command.env("PACELINE_STATS__PUBLISHED_ATHLETE", athlete);
    Ok(command)
}

/// Makes the account; returns whom it is about.
async fn add_account(program: &PathBuf, data: &Path) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    command.args(["users", "add", EMAIL, "--password-stdin", "--data-dir"]).arg(data);
    command.env_remove("PACELINE_TEST_KAFKA").env_remove("PACELINE_TEST_MARIADB");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(format!("{PASSWORD}\n").as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    ensure!(output.status.success(), "no account: {}", String::from_utf8_lossy(&output.stderr));
    let line = String::from_utf8(output.stdout)?;
    Ok(line.split_whitespace().next().context("no account's id in the answer")?.to_owned())
}

//! The surroundings of most runs: an instant simulator and the all-in-one next to it, each a process, with one account.

use std::fmt;
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

use crate::api_user::ApiUser;
use crate::options::CommonOptions;
use crate::process::Process;
use crate::simulator::{AthleteOptions, Simulator, Subscription};

const EMAIL: &str = "bench@paceline.dev";
const PASSWORD: &str = "only-for-this-benchmark-2026";

/// The transport of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogKind {
    BuiltIn,
    Kafka,
}

impl fmt::Display for LogKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Kafka { "Kafka" } else { "built-in log" })
    }
}

/// The topics of one run: their broker and their prefix.
#[derive(Clone, Debug)]
pub(crate) struct RunTopics {
    pub(crate) brokers: String,
    pub(crate) prefix: String,
}

impl RunTopics {
    /// Topics with a random prefix.
    pub(crate) fn new(common: &CommonOptions) -> anyhow::Result<Self> {
        let mut random = [0; 4];
        SystemIds.fill(&mut random);
        Ok(Self {
            brokers: common.broker()?.to_owned(),
            prefix: format!("bench-{:08x}.", u32::from_be_bytes(random)),
        })
    }

    /// Connects to them.
    pub(crate) async fn connect(&self) -> anyhow::Result<Bus> {
        let mut settings = KafkaSettings::new(&self.brokers);
        settings.prefix.clone_from(&self.prefix);
        Ok(Bus::open_kafka(settings).await?)
    }

    /// Deletes them from the broker.
    pub(crate) async fn delete(&self) -> anyhow::Result<()> {
        self.connect().await?.delete_topics().await;
        Ok(())
    }
}

/// A running simulator and a running Paceline.
pub(crate) struct Testbed {
    pub(crate) simulator: Simulator,
    pub(crate) paceline: Process,
    pub(crate) topics: Option<RunTopics>,
    http: Client,
    url: String,
    folder: TempDir,
}

impl Testbed {
    /// Starts both.
    pub(crate) async fn start(
        common: &CommonOptions,
        log: LogKind,
        athletes: AthleteOptions,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("paceline-bench-").tempdir()?;
        let http = telemetry::http_client(Duration::from_secs(30))?;
        let program = common.program("strava-sim")?;
        let simulator = Simulator::start(&program, folder.path(), &athletes, http.clone()).await?;
        let topics = if log == LogKind::Kafka { Some(RunTopics::new(common)?) } else { None };
        let program = common.program("paceline")?;
        let data = folder.path().join("data");
        let account = add_account(&program, &data).await?;
        let command = paceline_command(&program, &data, &simulator, topics.as_ref(), &account)?;
        let paceline = Process::start(command, &folder.path().join("paceline.log")).await?;
        let url = paceline.ready_field("url")?.to_owned();
        Ok(Self { simulator, paceline, topics, http, url, folder })
    }

    /// Address of Paceline's public listener.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.url.trim_start_matches("http://").parse()?)
    }

    /// Folder of data and logs.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Signs the account in.
    pub(crate) async fn sign_in(&self) -> anyhow::Result<ApiUser> {
        ApiUser::sign_in(&self.http, &self.url, EMAIL, PASSWORD).await
    }

    /// Fetches the text of a public path.
    pub(crate) async fn fetch(&self, path: &str) -> anyhow::Result<String> {
        self.fetch_text(format!("{}{path}", self.url)).await
    }

    async fn fetch_text(&self, url: String) -> anyhow::Result<String> {
        Ok(self.http.get(url).send().await?.error_for_status()?.text().await?)
    }

    /// Fetches a counter from the operations port, summed over its labels; 0 if it does not exist.
    pub(crate) async fn fetch_counter(&self, name: &str) -> anyhow::Result<f64> {
        let url = format!("{}/metrics", self.paceline.ready_field("ops_url")?);
        let text = self.fetch_text(url).await?;
        let lines = text.lines().filter(|line| line.starts_with(name));
        Ok(lines
            .filter_map(|line| line.rsplit(' ').next())
            .filter_map(|value| value.parse::<f64>().ok())
            .sum())
    }

    /// Signs the account in, connects it, and waits until this many activities are counted and Paceline is idle.
    pub(crate) async fn connect_user(&self, activities: i64) -> anyhow::Result<ApiUser> {
        let user = self.sign_in().await?;
        user.connect().await?;
        user.wait_for_count(activities, Duration::from_mins(1)).await?;
        self.paceline.wait_until_idle().await?;
        Ok(user)
    }

    /// Sets the simulator's last athlete as the one who consents; returns its id.
    pub(crate) async fn choose_last_athlete(&self) -> anyhow::Result<i64> {
        let athletes = self.simulator.fetch_athletes().await?;
        let athlete = *athletes.last().context("the simulator has no athletes")?;
        self.simulator.set_consent(athlete).await?;
        Ok(athlete)
    }

    /// Waits for the subscription that Paceline creates at its start.
    pub(crate) async fn wait_for_subscription(&self) -> anyhow::Result<Subscription> {
        let began = Instant::now();
        loop {
            if let Some(subscription) = self.simulator.fetch_subscription().await? {
                return Ok(subscription);
            }
            ensure!(began.elapsed() < Duration::from_secs(20), "no subscription was created");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Stops both and deletes their data.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.paceline.stop().await?;
        self.simulator.stop().await?;
        match self.topics {
            Some(topics) => topics.delete().await,
            None => Ok(()),
        }
    }
}

/// Returns an address that is free at the moment.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn paceline_command(
    program: &PathBuf,
    data: &Path,
    simulator: &Simulator,
    topics: Option<&RunTopics>,
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

/// Creates the account; returns its athlete id.
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
    ensure!(
        output.status.success(),
        "cannot add the account: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let line = String::from_utf8(output.stdout)?;
    Ok(line.split_whitespace().next().context("the answer has no account id")?.to_owned())
}

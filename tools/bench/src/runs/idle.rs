//! Memory, CPU and start time of idle programs.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use tokio::process::Command;

use crate::options::CommonOptions;
use crate::process::Process;
use crate::report::{Report, print_progress};
use crate::simulator::{AthleteOptions, Simulator};
use crate::statistics::median;
use crate::testbed::{RunTopics, free_address};

/// Maximum fraction of a core; exclusive.
const GOAL: f64 = 0.01;
const SERVICES: [&str; 5] = ["token", "identity", "ingest", "stats", "duplication"];
const LOCAL_ISSUER: &str = "urn:paceline:local";
const ANY_PORT: &str = "127.0.0.1:0";

/// Options of `idle`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: CommonOptions,
    /// Seconds over which CPU is measured.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Number of starts; the median is reported.
    #[arg(long, default_value_t = 5)]
    starts: usize,
}

/// The cost of an idle program.
struct IdleCost {
    first_ms: f64,
    next_ms: f64,
    resident_mib: f64,
    cpu: f64,
}

/// A program to start: `paceline` with arguments and environment.
struct Launch {
    name: &'static str,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

impl Launch {
    fn new(name: &'static str, command: &[&str], listen: &str, simulator: &Simulator) -> Self {
        let arguments = command.iter().copied().map(str::to_owned).collect();
        let mut launch = Self { name, arguments, environment: Vec::new() };
        launch.add_argument("--listen", listen);
        launch.add_argument("--strava-url", &format!("{}/", simulator.url));
        launch.add_setting("PACELINE_STRAVA__CLIENT_ID", "1");
        launch.add_setting("PACELINE_STRAVA__CLIENT_SECRET", "sim-secret");
        launch
    }

    fn add_argument(&mut self, name: &str, value: &str) {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
    }

    fn add_setting(&mut self, name: &'static str, value: &str) {
        self.environment.push((name, value.to_owned()));
    }

    async fn start(&self, options: &Options, folder: &Path) -> anyhow::Result<Process> {
        let mut command = Command::new(options.common.program("paceline")?);
        command.args(&self.arguments).arg("--data-dir").arg(folder.join(self.name));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Process::start(command, &folder.join(format!("{}.log", self.name))).await
    }
}

/// Executes the run.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let folder = tempfile::Builder::new().prefix("paceline-bench-").tempdir()?;
    let http = telemetry::http_client(Duration::from_secs(30))?;
    let athletes = AthleteOptions { count: 1, history: None };
    let simulator = options.common.program("strava-sim")?;
    let simulator = Simulator::start(&simulator, folder.path(), &athletes, http).await?;
    let cost = measure_idle(options, folder.path(), &all_in_one(&simulator)?).await?;
    let mut rows = vec![format_row("all-in-one, built-in log", &cost)];
    let topics = RunTopics::new(&options.common)?;
    let measured = measure_services(options, folder.path(), &simulator, &topics).await;
    topics.delete().await?;
    rows.extend(measured?);
    simulator.stop().await?;
    let mut report = Report::default();
    report.add_figure(
        "idle CPU of the all-in-one, built-in log",
        "< 1 % of a core",
        format!("{:.2} %", cost.cpu * 100.0),
        Some(cost.cpu < GOAL),
    );
    let IdleCost { resident_mib, next_ms, first_ms, .. } = cost;
    report.add_figure(
        "idle memory and start of the all-in-one, built-in log",
        "none",
        format!("{resident_mib:.0} MiB, {next_ms:.0} ms (first start {first_ms:.0} ms)"),
        None,
    );
    report.add_table(&["idle", "resident", "CPU", "start", "first start (makes tables)"], &rows);
    Ok(report)
}

/// Measures each service in a process of its own, over Kafka; token and identity stay up for the others.
async fn measure_services(
    options: &Options,
    folder: &Path,
    simulator: &Simulator,
    topics: &RunTopics,
) -> anyhow::Result<Vec<Vec<String>>> {
    let (token, identity) = (free_address()?.to_string(), free_address()?.to_string());
    let mut rows = Vec::new();
    let mut providers = Vec::new();
    for name in SERVICES {
        let listen =
            if name == "identity" { identity.clone() } else { free_address()?.to_string() };
        let mut launch = Launch::new(name, &["run", name], &listen, simulator);
        launch.add_argument("--ops-listen", if name == "token" { &token } else { ANY_PORT });
        launch.add_argument("--kafka", &topics.brokers);
        if name == "ingest" {
            launch.add_argument("--public-url", &format!("http://{listen}/"));
        }
        launch.add_setting("PACELINE_KAFKA__PREFIX", &topics.prefix);
        launch.add_setting("PACELINE_INTERNAL__CREDENTIAL", "only-for-this-benchmark-2026");
        launch.add_setting("PACELINE_INTERNAL__TOKEN_URL", &format!("http://{token}/"));
        if name != "identity" {
            launch.add_setting("PACELINE_AUTH__ISSUER", LOCAL_ISSUER);
            let keys = format!("http://{identity}/.well-known/jwks.json");
            launch.add_setting("PACELINE_AUTH__JWKS_URL", &keys);
        }
        let cost = measure_idle(options, folder, &launch).await?;
        rows.push(format_row(&format!("{name} alone, Kafka"), &cost));
        if ["token", "identity"].contains(&name) {
            providers.push(launch.start(options, folder).await?);
        }
    }
    for process in providers {
        process.stop().await?;
    }
    Ok(rows)
}

fn all_in_one(simulator: &Simulator) -> anyhow::Result<Launch> {
    let listen = free_address()?.to_string();
    let mut launch = Launch::new("up", &["up"], &listen, simulator);
    launch.add_argument("--ops-listen", ANY_PORT);
    launch.add_argument("--public-url", &format!("http://{listen}/"));
    Ok(launch)
}

/// Starts a program repeatedly and measures the last process once it is idle.
async fn measure_idle(
    options: &Options,
    folder: &Path,
    launch: &Launch,
) -> anyhow::Result<IdleCost> {
    let start_ms = |process: &Process| process.started_in.as_secs_f64() * 1000.0;
    let first = launch.start(options, folder).await?;
    let first_ms = start_ms(&first);
    first.stop().await?;
    let mut starts = Vec::new();
    for _ in 1..options.starts {
        let process = launch.start(options, folder).await?;
        starts.push(start_ms(&process));
        process.stop().await?;
    }
    let process = launch.start(options, folder).await?;
    starts.push(start_ms(&process));
    // the consumer group forms, the subscription is created, pools fill
    tokio::time::sleep(Duration::from_secs(8)).await;
    let cpu = process.cpu_share(Duration::from_secs(options.seconds)).await?;
    let resident_mib = process.resident_mib()?;
    process.stop().await?;
    let cost = IdleCost { first_ms, next_ms: median(&starts), resident_mib, cpu };
    print_progress(format_row(launch.name, &cost).join(" · "));
    Ok(cost)
}

fn format_row(name: &str, cost: &IdleCost) -> Vec<String> {
    vec![
        name.to_owned(),
        format!("{:.0} MiB", cost.resident_mib),
        format!("{:.2} %", cost.cpu * 100.0),
        format!("{:.0} ms", cost.next_ms),
        format!("{:.0} ms", cost.first_ms),
    ]
}

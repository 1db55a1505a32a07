//! What programs cost that have nothing to do: memory, CPU, and how soon they are ready.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use tempfile::TempDir;
use tokio::process::Command;

use crate::Place;
use crate::numbers::median;
use crate::process::Process;
use crate::report::{Report, progress};
use crate::simulator::Simulator;
use crate::stage::{Topics, free_address};

/// Less than this share of a core.
const GOAL: f64 = 0.01;
const SERVICES: [&str; 5] = ["token", "identity", "ingest", "stats", "duplication"];
const LOCAL_ISSUER: &str = "urn:paceline:local";

/// How `idle` is run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Over how many seconds CPU is measured.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// How many starts the middle one is quoted of.
    #[arg(long, default_value_t = 5)]
    starts: usize,
}

impl Options {
    pub(crate) fn at(place: &Place) -> Self {
        Self { place: place.clone(), seconds: 15, starts: 5 }
    }
}

/// What one program cost.
struct Cost {
    first_ms: f64,
    next_ms: f64,
    resident_mib: f64,
    cpu: f64,
}

/// A way to start a program: its arguments and its environment.
struct Way {
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
}

/// Runs it.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let folder = tempfile::Builder::new().prefix("paceline-bench-").tempdir()?;
    let http = telemetry::http_client(Duration::from_secs(30))?;
    let simulator = options.place.program("strava-sim")?;
    let simulator = Simulator::start(&simulator, folder.path(), 1, None, http).await?;
    let mut rows = Vec::new();
    let whole = cost(options, &folder, "up", &all_in_one(&simulator)?).await?;
    rows.push(row("all-in-one, built-in log", &whole));
    let topics = Topics::new(&options.place)?;
    let alone = alone(options, &folder, &simulator, &topics, &mut rows).await;
    topics.remove().await?;
    alone?;
    simulator.stop().await?;
    let mut report = Report::default();
    report.figure(
        "idle CPU of the all-in-one, built-in log",
        "< 1 % of a core",
        format!("{:.2} %", whole.cpu * 100.0),
        Some(whole.cpu < GOAL),
    );
    report.figure(
        "idle memory and start of the all-in-one, built-in log",
        "none",
        format!(
            "{:.0} MiB, {:.0} ms (first start {:.0} ms)",
            whole.resident_mib, whole.next_ms, whole.first_ms
        ),
        None,
    );
    report.table(&["idle", "resident", "CPU", "start", "first start (makes tables)"], &rows);
    Ok(report)
}

/// Each service in a process of its own, over Kafka; token and identity stay while the others are measured.
async fn alone(
    options: &Options,
    folder: &TempDir,
    simulator: &Simulator,
    topics: &Topics,
    rows: &mut Vec<Vec<String>>,
) -> anyhow::Result<()> {
    let (token, identity) = (free_address()?.to_string(), free_address()?.to_string());
    let mut standing = Vec::new();
    for name in SERVICES {
        let mut way =
            Way { arguments: vec!["run".to_owned(), name.to_owned()], environment: strava() };
        let listen =
            if name == "identity" { identity.clone() } else { free_address()?.to_string() };
        let ops = if name == "token" { token.clone() } else { "127.0.0.1:0".to_owned() };
        way.add(["--listen", &listen, "--ops-listen", &ops, "--kafka", &topics.brokers]);
        way.add(["--strava-url", &format!("{}/", simulator.url)]);
        if name == "ingest" {
            way.add(["--public-url", &format!("http://{listen}/")]);
        }
        way.environment.push(("PACELINE_KAFKA__PREFIX", topics.prefix.clone()));
        way.environment
            .push(("PACELINE_INTERNAL__CREDENTIAL", "only-for-this-benchmark-2026".to_owned()));
        way.environment.push(("PACELINE_INTERNAL__TOKEN_URL", format!("http://{token}/")));
        if name != "identity" {
            way.environment.push(("PACELINE_AUTH__ISSUER", LOCAL_ISSUER.to_owned()));
            let keys = format!("http://{identity}/.well-known/jwks.json");
            way.environment.push(("PACELINE_AUTH__JWKS_URL", keys));
        }
        let cost = cost(options, folder, name, &way).await?;
        rows.push(row(&format!("{name} alone, Kafka"), &cost));
        if ["token", "identity"].contains(&name) {
            standing.push(start(options, folder.path(), name, &way).await?);
        }
    }
    for process in standing {
        process.stop().await?;
    }
    Ok(())
}

impl Way {
    fn add<const N: usize>(&mut self, arguments: [&str; N]) {
        self.arguments.extend(arguments.map(str::to_owned));
    }
}

fn all_in_one(simulator: &Simulator) -> anyhow::Result<Way> {
    let listen = free_address()?.to_string();
    let mut way = Way { arguments: vec!["up".to_owned()], environment: strava() };
    way.add(["--listen", &listen, "--ops-listen", "127.0.0.1:0"]);
    way.add([
        "--public-url",
        &format!("http://{listen}/"),
        "--strava-url",
        &format!("{}/", simulator.url),
    ]);
    Ok(way)
}

fn strava() -> Vec<(&'static str, String)> {
    vec![
        ("PACELINE_STRAVA__CLIENT_ID", "1".to_owned()),
        ("PACELINE_STRAVA__CLIENT_SECRET", "sim-secret".to_owned()),
    ]
}

async fn start(options: &Options, folder: &Path, name: &str, way: &Way) -> anyhow::Result<Process> {
    let mut command = Command::new(options.place.program("paceline")?);
    command.args(&way.arguments).arg("--data-dir").arg(folder.join(name));
    command.envs(way.environment.iter().map(|(key, value)| (key, value)));
    Process::start(command, &folder.join(format!("{name}.log"))).await
}

/// Starts it a few times; measures the last one once it has come to rest.
async fn cost(options: &Options, folder: &TempDir, name: &str, way: &Way) -> anyhow::Result<Cost> {
    let ms = |process: &Process| process.started_in.as_secs_f64() * 1000.0;
    let first = start(options, folder.path(), name, way).await?;
    let first_ms = ms(&first);
    first.stop().await?;
    let mut starts = Vec::new();
    for _ in 1..options.starts {
        let again = start(options, folder.path(), name, way).await?;
        starts.push(ms(&again));
        again.stop().await?;
    }
    let process = start(options, folder.path(), name, way).await?;
    starts.push(ms(&process));
    // A group forms, a subscription is made, pools fill.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let cpu = process.cpu_share(Duration::from_secs(options.seconds)).await?;
    let resident_mib = process.resident_mib()?;
    process.stop().await?;
    let cost = Cost { first_ms, next_ms: median(&starts), resident_mib, cpu };
    progress(row(name, &cost).join(" · "));
    Ok(cost)
}

fn row(name: &str, cost: &Cost) -> Vec<String> {
    vec![
        name.to_owned(),
        format!("{:.0} MiB", cost.resident_mib),
        format!("{:.2} %", cost.cpu * 100.0),
        format!("{:.0} ms", cost.next_ms),
        format!("{:.0} ms", cost.first_ms),
    ]
}

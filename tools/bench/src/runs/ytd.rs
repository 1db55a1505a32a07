//! `GET /strava/stats/ytd` against a bare actix answer of the same size.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::process::Command;

use crate::comparison::{Comparison, MeasuredServer};
use crate::load::LoadPlan;
use crate::options::CommonOptions;
use crate::process::Process;
use crate::report::Report;
use crate::simulator::AthleteOptions;
use crate::testbed::{LogKind, Testbed};

/// Minimum fraction of the bare answer's rate.
const GOAL: f64 = 0.5;
const PATH: &str = "/strava/stats/ytd";
const ACTIVITIES: u32 = 200;

/// Options of `ytd`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: CommonOptions,
    /// Number of connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Requests of one round.
    #[arg(long, default_value_t = 100_000)]
    requests: u64,
    /// Rounds, each of the bare answer first, then of Paceline.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// Executes the run.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let athletes = AthleteOptions { count: 2, history: Some(ACTIVITIES) };
    let testbed = Testbed::start(&options.common, LogKind::BuiltIn, athletes).await?;
    testbed.choose_last_athlete().await?;
    testbed.connect_user(i64::from(ACTIVITIES)).await?;
    let size = testbed.fetch(PATH).await?.len();
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bare-constant", "--bytes", &size.to_string()]);
    let constant = Process::start(command, &testbed.folder().join("bare.log")).await?;
    let bare_address = constant.ready_field("url")?.trim_start_matches("http://").parse()?;
    let bare = get_server(&constant, bare_address, "/");
    let ours = get_server(&testbed.paceline, testbed.address()?, PATH);
    let plan = LoadPlan {
        connections: options.connections,
        requests: options.requests,
        max_duration: Duration::from_secs(10),
    };
    for server in [&bare, &ours] {
        server.send(LoadPlan { requests: 2000, ..plan }).await?;
    }
    let comparison = Comparison::run("ytd", options.rounds, plan, &bare, &ours).await?;
    let mut report = Report::default();
    report.add_figure(
        format!("GET {PATH}, {} connections, of a bare constant answer", options.connections),
        "≥ 0.5",
        comparison.describe("a request", ""),
        Some(comparison.ratio() >= GOAL),
    );
    report.add_remark(format!("{PATH} answered with {size} bytes."));
    constant.stop().await?;
    testbed.stop().await?;
    Ok(report)
}

fn get_server<'a>(process: &'a Process, address: SocketAddr, path: &str) -> MeasuredServer<'a> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").into_bytes();
    let requests = Box::new(move || {
        let request = request.clone();
        Arc::new(move |_| request.clone()) as _
    });
    MeasuredServer { process, address, requests }
}

//! `GET /strava/stats/ytd` against a bare actix answer of the same size.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Args;
use tokio::process::Command;

use crate::Place;
use crate::load::{Load, Outcome, drive};
use crate::numbers::{median, percentile_ms};
use crate::process::Process;
use crate::report::{Report, progress};
use crate::stage::{Log, Stage};

/// At least so much of the bare answer's rate.
const GOAL: f64 = 0.5;
const PATH: &str = "/strava/stats/ytd";

/// How `ytd` is run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Requests of one round.
    #[arg(long, default_value_t = 100_000)]
    requests: u64,
    /// Rounds, each first one, then the other.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

impl Options {
    pub(crate) fn at(place: &Place) -> Self {
        Self { place: place.clone(), connections: 64, requests: 100_000, rounds: 5 }
    }
}

/// Runs it.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let stage = Stage::set(&options.place, Log::BuiltIn, (2, Some(200))).await?;
    let athlete =
        *stage.simulator.athletes().await?.last().context("the simulator has no athletes")?;
    stage.simulator.consents_next(athlete).await?;
    let person = stage.person().await?;
    person.connect().await?;
    person.wait_for(200, Duration::from_mins(1)).await?;
    stage.paceline.settle().await?;
    let size = stage.text(PATH).await?.len();
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bare-constant", "--bytes", &size.to_string()]);
    let constant = Process::start(command, &stage.folder().join("bare.log")).await?;
    let bare: SocketAddr = constant.said("url")?.trim_start_matches("http://").parse()?;
    let ours = stage.address()?;
    for (address, path) in [(bare, "/"), (ours, PATH)] {
        ask(options, address, path, 2000).await?;
    }
    let mut report = Report::default();
    compare(options, (&constant, bare), (&stage.paceline, ours), &mut report).await?;
    report.remark(format!("{PATH} answered with {size} bytes."));
    constant.stop().await?;
    stage.clear().await?;
    Ok(report)
}

type Side<'a> = (&'a Process, SocketAddr);

async fn compare(
    options: &Options,
    bare: Side<'_>,
    ours: Side<'_>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (mut rates, mut cpu, mut ratios) =
        ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()), Vec::new());
    for round in 0..options.rounds {
        let before = (bare.0.cpu()?, ours.0.cpu()?);
        let one = ask(options, bare.1, "/", options.requests).await?;
        let other = ask(options, ours.1, PATH, options.requests).await?;
        let ratio = other.rate() / one.rate();
        cpu.0.push(one.micros_each(bare.0.cpu()?.saturating_sub(before.0)));
        cpu.1.push(other.micros_each(ours.0.cpu()?.saturating_sub(before.1)));
        progress(format!(
            "ytd, round {}: bare {:.0}/s p99 {:.1} ms, paceline {:.0}/s p99 {:.1} ms, ratio {ratio:.2}",
            round + 1,
            one.rate(),
            percentile_ms(&one.times, 0.99),
            other.rate(),
            percentile_ms(&other.times, 0.99),
        ));
        rates.0.push(one.rate());
        rates.1.push(other.rate());
        ratios.push(ratio);
    }
    let ratio = median(&ratios);
    let measured = format!(
        "{ratio:.2} ({:.0}/s of {:.0}/s; CPU a request {:.0} µs of {:.0} µs; rounds {})",
        median(&rates.1),
        median(&rates.0),
        median(&cpu.1),
        median(&cpu.0),
        ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(" ")
    );
    let what =
        format!("GET {PATH}, {} connections, of a bare constant answer", options.connections);
    report.figure(what, "≥ 0.5", measured, Some(ratio >= GOAL));
    Ok(())
}

async fn ask(
    options: &Options,
    address: SocketAddr,
    path: &str,
    requests: u64,
) -> anyhow::Result<Outcome> {
    let load = Load {
        address,
        connections: options.connections,
        requests,
        at_most: Duration::from_secs(10),
    };
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").into_bytes();
    let outcome = drive(load, Arc::new(move |_| request.clone())).await?;
    ensure!(outcome.refused == 0, "{} requests were refused by {address}", outcome.refused);
    Ok(outcome)
}

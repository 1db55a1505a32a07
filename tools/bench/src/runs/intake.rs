//! Webhook intake against a bare actix + rdkafka loop on the same broker, one after the other, again and again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use clap::Args;
use kernel::{Clock, SystemClock};
use tokio::process::Command;

use crate::load::{Load, Outcome, Request, drive};
use crate::numbers::{median, percentile_ms};
use crate::process::Process;
use crate::report::{Report, progress};
use crate::stage::{Log, Stage, Topics};
use crate::{Place, bare};

/// At least so much of the bare loop's rate.
const GOAL: f64 = 0.8;
/// Events come from so many athletes.
const OWNERS: u64 = 1000;

/// How `intake` is run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Connections, one run each.
    #[arg(long, value_delimiter = ',', default_value = "64,256")]
    connections: Vec<usize>,
    /// Requests of one round.
    #[arg(long, default_value_t = 20_000)]
    requests: u64,
    /// Rounds, each first one, then the other.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

impl Options {
    pub(crate) fn at(place: &Place) -> Self {
        Self { place: place.clone(), connections: vec![64, 256], requests: 20_000, rounds: 5 }
    }
}

/// One of the two that are compared.
struct Side<'a> {
    process: &'a Process,
    address: SocketAddr,
    path: String,
    subscription: i64,
}

impl<'a> Side<'a> {
    fn of(process: &'a Process, url: &str, subscription: i64) -> anyhow::Result<Self> {
        let rest = url.trim_start_matches("http://");
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self { process, address: host.parse()?, path: format!("/{path}"), subscription })
    }

    /// Sends that many events; every one must be accepted.
    async fn take(&self, connections: usize, requests: u64) -> anyhow::Result<Outcome> {
        let load =
            Load { address: self.address, connections, requests, at_most: Duration::from_secs(20) };
        let outcome = drive(load, self.events()).await?;
        ensure!(
            outcome.refused == 0,
            "{} events were refused by {}",
            outcome.refused,
            self.address
        );
        Ok(outcome)
    }

    fn events(&self) -> Request {
        let (address, path, subscription) = (self.address, self.path.clone(), self.subscription);
        let now = SystemClock::new().now().as_micros();
        Arc::new(move |number| {
            let (owner, object) = (900_000 + number % OWNERS, now.unsigned_abs() + number);
            let body = format!(
                r#"{{"aspect_type":"create","event_time":{},"object_id":{object},"object_type":"activity","owner_id":{owner},"subscription_id":{subscription},"updates":{{}}}}"#,
                now / 1_000_000
            );
            let length = body.len();
            format!(
                "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .into_bytes()
        })
    }
}

/// Runs it.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let stage = Stage::set(&options.place, Log::Kafka, (1, None)).await?;
    let topic = format!("{}bare", Topics::new(&options.place)?.prefix);
    let brokers = options.place.broker()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bare-intake", "--kafka", brokers, "--topic", &topic]);
    let looping = Process::start(command, &stage.folder().join("bare.log")).await?;
    let report = all(options, &looping, &stage).await;
    looping.stop().await?;
    bare::remove_topic(brokers, &topic).await?;
    stage.clear().await?;
    report
}

async fn all(options: &Options, looping: &Process, stage: &Stage) -> anyhow::Result<Report> {
    let (subscription, callback) = stage.subscription().await?;
    let ours = Side::of(&stage.paceline, &callback, subscription)?;
    let bare = Side::of(looping, &format!("{}/webhook", looping.said("url")?), subscription)?;
    let mut report = Report::default();
    for side in [&bare, &ours] {
        side.take(64, 2000).await?;
    }
    for &connections in &options.connections {
        compare(options, connections, (&bare, &ours), &mut report).await?;
    }
    // The broker did not answer within 1.2 s: such an event goes into the database at once.
    let away = stage.counter("ingest_log_away_total").await?;
    report.remark(format!(
        "Intake: {away:.0} times the broker did not answer in time and the log was passed by; Paceline logged {:.1} MiB.",
        stage.paceline.logged_mib()?
    ));
    Ok(report)
}

async fn compare(
    options: &Options,
    connections: usize,
    (bare, ours): (&Side<'_>, &Side<'_>),
    report: &mut Report,
) -> anyhow::Result<()> {
    let (mut rates, mut cpu, mut ratios) =
        ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()), Vec::new());
    for round in 0..options.rounds {
        // What was accepted is worked off first, or the other side would pay for it.
        ours.process.settle().await?;
        let before = bare.process.cpu()?;
        let one = bare.take(connections, options.requests).await?;
        cpu.0.push(one.micros_each(bare.process.cpu()?.saturating_sub(before)));
        let before = ours.process.cpu()?;
        let other = ours.take(connections, options.requests).await?;
        cpu.1.push(other.micros_each(ours.process.cpu()?.saturating_sub(before)));
        let ratio = other.rate() / one.rate();
        progress(format!(
            "intake, {connections} connections, round {}: bare {:.0}/s p99 {:.1} ms, paceline {:.0}/s p99 {:.1} ms, ratio {ratio:.2}",
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
        "{ratio:.2} ({:.0}/s of {:.0}/s; CPU an event {:.0} µs of {:.0} µs, Paceline's with its consumers at work; rounds {})",
        median(&rates.1),
        median(&rates.0),
        median(&cpu.1),
        median(&cpu.0),
        ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(" ")
    );
    let what = format!("webhook intake, {connections} connections, of the bare loop");
    report.figure(what, "≥ 0.8", measured, Some(ratio >= GOAL));
    Ok(())
}

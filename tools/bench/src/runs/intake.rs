//! Webhook intake against a bare actix + rdkafka loop on the same broker, in alternating rounds.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use kernel::{Clock, SystemClock};
use tokio::process::Command;

use crate::baseline;
use crate::comparison::{Comparison, MeasuredServer};
use crate::load::{LoadPlan, RequestBuilder};
use crate::options::CommonOptions;
use crate::process::Process;
use crate::report::Report;
use crate::simulator::AthleteOptions;
use crate::testbed::{LogKind, RunTopics, Testbed};

/// Minimum fraction of the bare loop's rate.
const GOAL: f64 = 0.8;
/// Number of athletes in the events.
const OWNERS: u64 = 1000;
const MAX_ROUND: Duration = Duration::from_secs(20);

/// Options of `intake`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: CommonOptions,
    /// Numbers of connections, one comparison each.
    #[arg(long, value_delimiter = ',', default_value = "64,256")]
    connections: Vec<usize>,
    /// Requests of one round.
    #[arg(long, default_value_t = 20_000)]
    requests: u64,
    /// Rounds, each of the bare loop first, then of Paceline.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// Executes the run.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let athletes = AthleteOptions { count: 1, history: None };
    let testbed = Testbed::start(&options.common, LogKind::Kafka, athletes).await?;
    let topic = format!("{}bare", RunTopics::new(&options.common)?.prefix);
    let brokers = options.common.broker()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bare-intake", "--kafka", brokers, "--topic", &topic]);
    let bare_loop = Process::start(command, &testbed.folder().join("bare.log")).await?;
    let report = compare(options, &bare_loop, &testbed).await;
    bare_loop.stop().await?;
    baseline::delete_topic(brokers, &topic).await?;
    testbed.stop().await?;
    report
}

async fn compare(
    options: &Options,
    bare_loop: &Process,
    testbed: &Testbed,
) -> anyhow::Result<Report> {
    let subscription = testbed.wait_for_subscription().await?;
    let bare_url = format!("{}/webhook", bare_loop.ready_field("url")?);
    let bare = webhook_server(bare_loop, &bare_url, subscription.id)?;
    let ours = webhook_server(&testbed.paceline, &subscription.callback_url, subscription.id)?;
    for server in [&bare, &ours] {
        let warm_up = LoadPlan { connections: 64, requests: 2000, max_duration: MAX_ROUND };
        server.send(warm_up).await?;
    }
    let mut report = Report::default();
    for &connections in &options.connections {
        let plan = LoadPlan { connections, requests: options.requests, max_duration: MAX_ROUND };
        let name = format!("intake, {connections} connections");
        let comparison = Comparison::run(&name, options.rounds, plan, &bare, &ours).await?;
        report.add_figure(
            format!("webhook intake, {connections} connections, of the bare loop"),
            "≥ 0.8",
            comparison.describe("an event", ", Paceline's with its consumers at work"),
            Some(comparison.ratio() >= GOAL),
        );
    }
    // events that the broker does not acknowledge within 1.2 s go into the database at once
    let bypassed = testbed.fetch_counter("ingest_log_away_total").await?;
    report.add_remark(format!(
        "Intake: {bypassed:.0} times the broker did not answer in time and the log was passed by; Paceline logged {:.1} MiB.",
        testbed.paceline.logged_mib()?
    ));
    Ok(report)
}

fn webhook_server<'a>(
    process: &'a Process,
    url: &str,
    subscription: i64,
) -> anyhow::Result<MeasuredServer<'a>> {
    let address_and_path = url.trim_start_matches("http://").split_once('/');
    let (host, path) = address_and_path.with_context(|| format!("{url} has no path"))?;
    let (head, address) = (format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\n"), host.parse()?);
    let requests = Box::new(move || webhook_requests(head.clone(), subscription));
    Ok(MeasuredServer { process, address, requests })
}

/// Builds events of new activities, numbered from the current time.
fn webhook_requests(head: String, subscription: i64) -> RequestBuilder {
    let now = SystemClock::new().now().as_micros();
    Arc::new(move |number| {
        let (owner, object) = (900_000 + number % OWNERS, now.unsigned_abs() + number);
        let body = format!(
            r#"{{"aspect_type":"create","event_time":{},"object_id":{object},"object_type":"activity","owner_id":{owner},"subscription_id":{subscription},"updates":{{}}}}"#,
            now / 1_000_000
        );
        let length = body.len();
        format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
            .into_bytes()
    })
}

//! Latency from a new activity at an instant Strava to the totals: webhook, log, fetch of activity and streams, log, sums.

use std::time::{Duration, Instant};

use clap::Args;
use tokio::time::sleep;

use crate::options::CommonOptions;
use crate::report::{Report, print_progress};
use crate::simulator::AthleteOptions;
use crate::statistics::LatencySummary;
use crate::testbed::{LogKind, Testbed};

const GOAL_P50_MS: f64 = 50.0;
const GOAL_P99_MS: f64 = 250.0;
/// Time between two activities, so that each is measured alone.
const PAUSE: Duration = Duration::from_millis(100);
const WARM_UP: u32 = 10;
/// Number of activities before the first event.
const HISTORY: u32 = 50;

/// Options of `live`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: CommonOptions,
    /// Number of activities, one after another.
    #[arg(long, default_value_t = 200)]
    events: u32,
}

/// Executes the run on both logs.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for log in [LogKind::BuiltIn, LogKind::Kafka] {
        let times = measure_latency(options, log).await?;
        let count = times.len();
        let summary = LatencySummary::from_times(&times);
        print_progress(format!("live on {log}: {summary}"));
        report.add_figure(
            format!("webhook → visible in totals, {log}, {count} activities, p50 / p99"),
            "50 / 250 ms",
            summary.to_string(),
            Some(summary.meets(GOAL_P50_MS, GOAL_P99_MS)),
        );
    }
    Ok(report)
}

async fn measure_latency(options: &Options, log: LogKind) -> anyhow::Result<Vec<Duration>> {
    let athletes = AthleteOptions { count: 2, history: Some(HISTORY) };
    let testbed = Testbed::start(&options.common, log, athletes).await?;
    testbed.wait_for_subscription().await?;
    let athlete = testbed.choose_last_athlete().await?;
    let user = testbed.connect_user(i64::from(HISTORY)).await?;
    let mut count = user.fetch_count().await?;
    let mut times = Vec::new();
    for number in 0..options.events + WARM_UP {
        let began = Instant::now();
        testbed.simulator.create_activity(athlete, &format!("Live {number}")).await?;
        count += 1;
        user.wait_for_count(count, Duration::from_secs(30)).await?;
        if number >= WARM_UP {
            times.push(began.elapsed());
        }
        sleep(PAUSE).await;
    }
    testbed.stop().await?;
    Ok(times)
}

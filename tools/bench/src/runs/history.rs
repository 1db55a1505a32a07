//! Time and calls from connect to correct totals of a long history.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::Value;

use crate::options::CommonOptions;
use crate::report::{Report, print_progress};
use crate::simulator::AthleteOptions;
use crate::testbed::{LogKind, Testbed};

/// Maximum number of activities on a page.
const PAGE_SIZE: u32 = 200;

/// Options of `history`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: CommonOptions,
    /// Number of activities in the history.
    #[arg(long, default_value_t = 5000)]
    activities: u32,
}

/// The cost of reading a history.
struct BackfillCost {
    took: Duration,
    calls: u64,
    /// Calls by endpoint.
    breakdown: String,
}

/// Executes the run on both logs.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for log in [LogKind::BuiltIn, LogKind::Kafka] {
        let BackfillCost { took, calls, breakdown } = measure_backfill(options, log).await?;
        let measured = format!("{:.1} s, {calls} calls ({breakdown})", took.as_secs_f64());
        print_progress(format!("history on {log}: {measured}"));
        // The last second of a full page is requested again, so a page brings 199 new activities; one more, empty,
        // page ends the history. The other two calls are the consent and the exchange.
        let activities = options.activities;
        let pages = u64::from(activities.div_ceil(PAGE_SIZE - 1)) + 1;
        report.add_figure(
            format!("history of {activities} activities, connect → correct totals, {log}"),
            &format!("{pages} pages and 2 calls of OAuth"),
            measured,
            Some(calls <= pages + 2),
        );
    }
    Ok(report)
}

async fn measure_backfill(options: &Options, log: LogKind) -> anyhow::Result<BackfillCost> {
    let athletes = AthleteOptions { count: 2, history: Some(options.activities) };
    let testbed = Testbed::start(&options.common, log, athletes).await?;
    testbed.wait_for_subscription().await?;
    let athlete = testbed.choose_last_athlete().await?;
    let truth = testbed.simulator.fetch_activities(athlete).await?;
    let user = testbed.sign_in().await?;
    testbed.paceline.wait_until_idle().await?;
    let before = testbed.simulator.fetch_calls().await?;
    let began = Instant::now();
    user.connect().await?;
    user.wait_for_count(i64::try_from(truth.len())?, Duration::from_mins(5)).await?;
    let took = began.elapsed();
    // calls after the last activity was counted belong to the cost
    testbed.paceline.wait_until_idle().await?;
    let totals = user.fetch_totals().await?;
    for field in ["distance_m", "moving_time_s", "elevation_gain_m"] {
        check_total(&totals, &truth, field)?;
    }
    let mut calls = testbed.simulator.fetch_calls().await?;
    for (endpoint, count) in before {
        calls.entry(endpoint).and_modify(|total| *total -= count);
    }
    calls.retain(|_, count| *count > 0);
    testbed.stop().await?;
    let breakdown: Vec<String> =
        calls.iter().map(|(endpoint, count)| format!("{endpoint} {count}")).collect();
    Ok(BackfillCost { took, calls: calls.values().sum(), breakdown: breakdown.join(", ") })
}

/// Compares a total with the sum of the true values, of which each is rounded once to tenths.
fn check_total(totals: &Value, truth: &[Value], field: &str) -> anyhow::Result<()> {
    let expected: f64 = truth.iter().map(|activity| activity[field].as_f64().unwrap_or(0.0)).sum();
    let total = totals[field].as_f64().with_context(|| format!("the totals have no {field}"))?;
    ensure!(
        (total - expected).abs() <= 0.06 * truth.len() as f64,
        "{field} is {total} instead of {expected}"
    );
    Ok(())
}

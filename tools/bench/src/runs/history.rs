//! From connect to correct totals of a long history: how many calls, how many seconds.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::Value;

use crate::Place;
use crate::report::{Report, progress};
use crate::stage::{Log, Stage};

/// Rows on a page.
const PAGE: u32 = 200;

/// How `history` is run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// How long the history is.
    #[arg(long, default_value_t = 5000)]
    activities: u32,
}

impl Options {
    pub(crate) fn at(place: &Place) -> Self {
        Self { place: place.clone(), activities: 5000 }
    }
}

/// Runs it on both logs.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for log in [Log::BuiltIn, Log::Kafka] {
        let (took, calls, named) = on(options, log).await?;
        let measured = format!("{:.1} s, {calls} calls ({named})", took.as_secs_f64());
        progress(format!("history on {}: {measured}", log.as_str()));
        // Complete after ⌈N/200⌉ + 1 pages; one more, empty, tells that it is (the last second of a full page is
        // asked for again, so a page brings 199 new ones). The other two calls are the consent and the exchange.
        let pages = u64::from(options.activities.div_ceil(PAGE - 1)) + 1;
        report.figure(
            format!(
                "history of {} activities, connect → correct totals, {}",
                options.activities,
                log.as_str()
            ),
            &format!("{pages} pages and 2 calls of OAuth"),
            measured,
            Some(calls <= pages + 2),
        );
    }
    Ok(report)
}

async fn on(options: &Options, log: Log) -> anyhow::Result<(Duration, u64, String)> {
    let stage = Stage::set(&options.place, log, (2, Some(options.activities))).await?;
    stage.subscription().await?;
    let athlete =
        *stage.simulator.athletes().await?.last().context("the simulator has no athletes")?;
    let truth = stage.simulator.activities(athlete).await?;
    stage.simulator.consents_next(athlete).await?;
    let person = stage.person().await?;
    stage.paceline.settle().await?;
    let before = stage.simulator.calls().await?;
    let began = Instant::now();
    person.connect().await?;
    person.wait_for(i64::try_from(truth.len())?, Duration::from_mins(5)).await?;
    let took = began.elapsed();
    // What is still asked after the last activity was counted belongs to the bill.
    stage.paceline.settle().await?;
    let total = person.total().await?;
    for field in ["distance_m", "moving_time_s", "elevation_gain_m"] {
        check(&total, &truth, field)?;
    }
    let mut named = Vec::new();
    let mut calls = 0;
    for (name, count) in stage.simulator.calls().await? {
        let more =
            count - before.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count);
        if more > 0 {
            calls += more;
            named.push(format!("{name} {more}"));
        }
    }
    stage.clear().await?;
    Ok((took, calls, named.join(", ")))
}

/// Strava gives tenths of metres; each is rounded once.
fn check(total: &Value, truth: &[Value], field: &str) -> anyhow::Result<()> {
    let wanted: f64 = truth.iter().map(|activity| activity[field].as_f64().unwrap_or(0.0)).sum();
    let found = total[field].as_f64().with_context(|| format!("the totals have no {field}"))?;
    ensure!(
        (found - wanted).abs() <= 0.06 * truth.len() as f64,
        "{field} is {found}, the truth is {wanted}"
    );
    Ok(())
}

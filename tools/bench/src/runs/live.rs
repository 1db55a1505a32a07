//! From a new activity at an instant Strava to the totals: webhook, log, fetch of activity and streams, log, sums.

use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use tokio::time::sleep;

use crate::Place;
use crate::numbers::Spread;
use crate::report::{Report, progress};
use crate::stage::{Log, Stage};

const GOAL_P50_MS: f64 = 50.0;
const GOAL_P99_MS: f64 = 250.0;
/// Between two activities: an athlete's watch is not a load test.
const PAUSE: Duration = Duration::from_millis(100);
const WARM_UP: u32 = 10;

/// How `live` is run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// How many activities are recorded, one after another.
    #[arg(long, default_value_t = 200)]
    events: u32,
}

impl Options {
    pub(crate) fn at(place: &Place) -> Self {
        Self { place: place.clone(), events: 200 }
    }
}

/// Runs it on both logs.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for log in [Log::BuiltIn, Log::Kafka] {
        let times = on(options, log).await?;
        let spread = Spread::of(&times);
        progress(format!("live on {}: {spread}", log.as_str()));
        report.figure(
            format!(
                "webhook → visible in totals, {}, {} activities, p50 / p99",
                log.as_str(),
                times.len()
            ),
            "50 / 250 ms",
            spread.to_string(),
            Some(spread.within(GOAL_P50_MS, GOAL_P99_MS)),
        );
    }
    Ok(report)
}

async fn on(options: &Options, log: Log) -> anyhow::Result<Vec<Duration>> {
    let stage = Stage::set(&options.place, log, (2, Some(50))).await?;
    stage.subscription().await?;
    let athlete =
        *stage.simulator.athletes().await?.last().context("the simulator has no athletes")?;
    stage.simulator.consents_next(athlete).await?;
    let person = stage.person().await?;
    person.connect().await?;
    person.wait_for(50, Duration::from_mins(1)).await?;
    stage.paceline.settle().await?;
    let mut counted = person.counted().await?;
    let mut times = Vec::new();
    for number in 0..options.events + WARM_UP {
        let began = Instant::now();
        stage.simulator.record(athlete, &format!("Live {number}")).await?;
        counted += 1;
        person.wait_for(counted, Duration::from_secs(30)).await?;
        if number >= WARM_UP {
            times.push(began.elapsed());
        }
        sleep(PAUSE).await;
    }
    stage.clear().await?;
    Ok(times)
}

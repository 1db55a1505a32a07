//! A comparison of Paceline with a baseline, in alternating rounds of load.

use std::net::SocketAddr;

use anyhow::ensure;

use crate::load::{LoadPlan, LoadResult, RequestBuilder, drive_load};
use crate::process::Process;
use crate::report::print_progress;
use crate::statistics::{median, percentile_ms};

/// A server under load.
pub(crate) struct MeasuredServer<'a> {
    pub(crate) process: &'a Process,
    pub(crate) address: SocketAddr,
    /// Makes the request builder of one round.
    pub(crate) requests: Box<dyn Fn() -> RequestBuilder>,
}

/// The figures of one round on one server.
struct Round {
    rate: f64,
    p99_ms: f64,
    cpu_micros: f64,
}

impl MeasuredServer<'_> {
    /// Sends requests; every one must be accepted.
    pub(crate) async fn send(&self, plan: LoadPlan) -> anyhow::Result<LoadResult> {
        let result = drive_load(self.address, plan, (self.requests)()).await?;
        let (refused, address) = (result.refused, self.address);
        ensure!(refused == 0, "{refused} requests were refused by {address}");
        Ok(result)
    }

    async fn measure(&self, plan: LoadPlan) -> anyhow::Result<Round> {
        let before = self.process.cpu_time()?;
        let result = self.send(plan).await?;
        let cpu = self.process.cpu_time()?.saturating_sub(before);
        Ok(Round {
            rate: result.rate(),
            p99_ms: percentile_ms(&result.times, 0.99),
            cpu_micros: result.cpu_micros_per_answer(cpu),
        })
    }
}

/// The rounds of a comparison.
pub(crate) struct Comparison {
    baseline: Vec<Round>,
    paceline: Vec<Round>,
    ratios: Vec<f64>,
}

impl Comparison {
    /// Loads both servers in turn, this many rounds.
    pub(crate) async fn run(
        name: &str,
        rounds: usize,
        plan: LoadPlan,
        baseline: &MeasuredServer<'_>,
        paceline: &MeasuredServer<'_>,
    ) -> anyhow::Result<Self> {
        let (mut bare_rounds, mut our_rounds, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for number in 1..=rounds {
            // accepted work is finished first, or it would slow the baseline down
            paceline.process.wait_until_idle().await?;
            let bare = baseline.measure(plan).await?;
            let ours = paceline.measure(plan).await?;
            let ratio = ours.rate / bare.rate;
            print_progress(format!(
                "{name}, round {number}: bare {:.0}/s p99 {:.1} ms, paceline {:.0}/s p99 {:.1} ms, ratio {ratio:.2}",
                bare.rate, bare.p99_ms, ours.rate, ours.p99_ms,
            ));
            bare_rounds.push(bare);
            our_rounds.push(ours);
            ratios.push(ratio);
        }
        Ok(Self { baseline: bare_rounds, paceline: our_rounds, ratios })
    }

    /// Median of Paceline's rate as a fraction of the baseline's.
    pub(crate) fn ratio(&self) -> f64 {
        median(&self.ratios)
    }

    /// The medians and the rounds in words; `unit` is a request, `note` qualifies Paceline's CPU time.
    pub(crate) fn describe(&self, unit: &str, note: &str) -> String {
        let rate = |rounds: &[Round]| median_of(rounds, |round| round.rate);
        let cpu = |rounds: &[Round]| median_of(rounds, |round| round.cpu_micros);
        format!(
            "{:.2} ({:.0}/s of {:.0}/s; CPU {unit} {:.0} µs of {:.0} µs{note}; rounds {})",
            self.ratio(),
            rate(&self.paceline),
            rate(&self.baseline),
            cpu(&self.paceline),
            cpu(&self.baseline),
            self.ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(" ")
        )
    }
}

fn median_of(rounds: &[Round], figure: impl Fn(&Round) -> f64) -> f64 {
    median(&rounds.iter().map(figure).collect::<Vec<_>>())
}

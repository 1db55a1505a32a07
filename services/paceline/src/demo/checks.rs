//! What `--check` verifies, and the verdict.

use std::process::ExitCode;

use serde_json::Value;

use super::person::Person;
use super::scene::Scene;
use crate::commands::say;

/// The checks so far.
pub(super) struct Checks {
    shown: bool,
    passed: usize,
    failed: Vec<String>,
}

impl Checks {
    pub(super) fn new(shown: bool) -> Self {
        Self { shown, passed: 0, failed: Vec::new() }
    }

    /// Notes whether a claim holds.
    pub(super) fn expect(&mut self, claim: &str, holds: bool) {
        if holds {
            self.passed += 1;
        } else {
            self.failed.push(claim.to_owned());
        }
        if self.shown || !holds {
            say(format!("  {} {claim}", if holds { "✓" } else { "✗ NOT:" }));
        }
    }

    /// The totals of an athlete are what Strava's own activities come to.
    pub(super) async fn totals(&mut self, person: &Person, truth: &[Value]) -> anyhow::Result<()> {
        let total = person.totals().await?["total"].clone();
        let sum = |field: &str| {
            truth.iter().map(|activity| activity[field].as_f64().unwrap_or(0.0)).sum::<f64>()
        };
        // Strava gives tenths of metres; each is rounded once.
        let near = |field: &str| {
            (total[field].as_f64().unwrap_or(-1.0) - sum(field)).abs() <= 0.06 * truth.len() as f64
        };
        self.expect(
            &format!("{}'s distance is the sum of the activities", person.name),
            near("distance_m"),
        );
        self.expect(
            &format!("{}'s moving time is the sum of the activities", person.name),
            near("moving_time_s"),
        );
        self.expect(
            &format!("{}'s climbing is the sum of the activities", person.name),
            near("elevation_gain_m"),
        );
        Ok(())
    }

    /// The predecessor's public routes serve the published athlete.
    pub(super) async fn published(
        &mut self,
        scene: &Scene,
        guardian: &Person,
    ) -> anyhow::Result<()> {
        let ytd = scene.public("/strava/stats/ytd").await?;
        let runs = ytd["data"]["run"]["count"].as_i64().unwrap_or(0);
        self.expect(
            &format!("/strava/stats/ytd tells {}'s runs of this year", guardian.name),
            runs >= 1,
        );
        let days = scene.public("/api/distance").await?;
        self.expect(
            "/api/distance has a pair for today's run",
            days.as_array().is_some_and(|days| !days.is_empty()),
        );
        Ok(())
    }

    /// The verdict.
    pub(super) fn conclude(self) -> ExitCode {
        say(format!("\ndemo: {} passed, {} failed", self.passed, self.failed.len()));
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

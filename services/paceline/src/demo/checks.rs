//! The checks of `--check` and their outcome.

use std::process::ExitCode;

use serde_json::Value;

use super::environment::DemoEnvironment;
use super::user::DemoUser;
use crate::output::print_line;

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

    /// Records if a claim holds.
    pub(super) fn expect(&mut self, claim: &str, holds: bool) {
        if holds {
            self.passed += 1;
        } else {
            self.failed.push(claim.to_owned());
        }
        if self.shown || !holds {
            print_line(format!("  {} {claim}", if holds { "✓" } else { "✗ NOT:" }));
        }
    }

    /// Checks that the totals of an athlete are the sums of Strava's activities.
    pub(super) async fn totals(
        &mut self,
        user: &DemoUser,
        expected: &[Value],
    ) -> anyhow::Result<()> {
        let total = user.totals().await?["total"].clone();
        let sum = |field: &str| {
            expected.iter().map(|activity| activity[field].as_f64().unwrap_or(0.0)).sum::<f64>()
        };
        // Strava gives tenths of metres; each is rounded once.
        let near = |field: &str| {
            (total[field].as_f64().unwrap_or(-1.0) - sum(field)).abs()
                <= 0.06 * expected.len() as f64
        };
        self.expect(
            &format!("{}'s distance is the sum of the activities", user.name),
            near("distance_m"),
        );
        self.expect(
            &format!("{}'s moving time is the sum of the activities", user.name),
            near("moving_time_s"),
        );
        self.expect(
            &format!("{}'s climbing is the sum of the activities", user.name),
            near("elevation_gain_m"),
        );
        Ok(())
    }

    /// Checks that the predecessor's public routes serve the published athlete.
    pub(super) async fn published(
        &mut self,
        environment: &DemoEnvironment,
        guardian: &DemoUser,
    ) -> anyhow::Result<()> {
        let ytd = environment.public("/strava/stats/ytd").await?;
        let runs = ytd["data"]["run"]["count"].as_i64().unwrap_or(0);
        self.expect(
            &format!("/strava/stats/ytd tells {}'s runs of this year", guardian.name),
            runs >= 1,
        );
        let days = environment.public("/api/distance").await?;
        self.expect(
            "/api/distance has a pair for today's run",
            days.as_array().is_some_and(|days| !days.is_empty()),
        );
        Ok(())
    }

    /// Prints the number of passed and failed checks.
    pub(super) fn exit_code(self) -> ExitCode {
        print_line(format!("\ndemo: {} passed, {} failed", self.passed, self.failed.len()));
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

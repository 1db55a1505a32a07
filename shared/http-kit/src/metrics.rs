//! Numbers for Prometheus: one recorder for the program, rendered on the operations port.

use std::time::Duration;

use lifecycle::Tasks;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds, fine where answers are quick and coarse where they are slow.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Samples wait in memory until they are folded into their buckets.
const UPKEEP: Duration = Duration::from_secs(30);

/// Why numbers cannot be recorded.
#[derive(Debug, thiserror::Error)]
#[error("metrics cannot be recorded")]
pub struct MetricsError(#[from] BuildError);

/// The program's numbers.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Starts recording for the whole program; once.
    pub fn install() -> Result<Self, MetricsError> {
        Ok(Self(builder()?.install_recorder()?))
    }

    /// Numbers that nobody records: for tests of routes.
    pub fn detached() -> Result<Self, MetricsError> {
        Ok(Self(builder()?.build_recorder().handle()))
    }

    /// Folds samples into buckets now and then, also when nobody asks for them.
    pub fn spawn_upkeep(&self, tasks: &Tasks) {
        let (handle, soft) = (self.0.clone(), tasks.soft());
        tasks.spawn("metrics upkeep", async move {
            while soft.run_until_stopped(tokio::time::sleep(UPKEEP)).await.is_some() {
                handle.run_upkeep();
            }
            Ok(())
        });
    }

    /// The numbers in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
}

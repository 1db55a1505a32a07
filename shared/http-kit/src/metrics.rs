//! Prometheus metrics: one recorder for the process, rendered on the operations port.

use std::time::Duration;

use lifecycle::Tasks;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use telemetry::Metric;

/// Histogram buckets of durations, in seconds.
const DURATION_BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Interval at which samples held in memory are folded into their buckets.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(30);

/// The metrics that HTTP servers and readiness checks keep.
pub const METRICS: [Metric; 3] = [
    Metric::counter(
        "http_requests_total",
        "Requests by method, route pattern and status of the answer.",
    )
    .open(),
    Metric::histogram(
        "http_request_duration_seconds",
        "Duration of requests by method and route pattern.",
    ),
    Metric::gauge("ready", "1 if the readiness check succeeds, as of this scrape; 0 if it fails.")
        .open(),
];

/// The recorder could not be built or installed.
#[derive(Debug, thiserror::Error)]
#[error("the metrics recorder cannot be installed")]
pub struct MetricsError(#[from] BuildError);

/// The metrics of the process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Installs the recorder of the process; a second call fails.
    pub fn install() -> Result<Self, MetricsError> {
        Ok(Self(recorder_builder()?.install_recorder()?))
    }

    /// A recorder that is not installed, for tests of routes.
    pub fn detached() -> Result<Self, MetricsError> {
        Ok(Self(recorder_builder()?.build_recorder().handle()))
    }

    /// Spawns a task that folds samples into buckets, so that memory stays bounded between scrapes.
    pub fn spawn_upkeep(&self, tasks: &Tasks) {
        let (handle, soft) = (self.0.clone(), tasks.soft());
        tasks.spawn("metrics upkeep", async move {
            while soft.run_until_stopped(tokio::time::sleep(UPKEEP_INTERVAL)).await.is_some() {
                handle.run_upkeep();
            }
            Ok(())
        });
    }

    /// Returns all metrics in the Prometheus text format.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

fn recorder_builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)
}

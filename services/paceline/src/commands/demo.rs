//! `paceline demo`: the main job next to a simulated Strava.

use std::process::ExitCode;

use crate::cli::DemoArgs;
use crate::demo;

/// Runs the demo.
pub(super) async fn demo(args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let _guard = telemetry::init(&telemetry::Settings {
        format: telemetry::Format::Pretty,
        filter: "warn".to_owned(),
        otlp_endpoint: None,
        service: "paceline".to_owned(),
    })?;
    Box::pin(demo::run(args)).await
}

//! `paceline up` and `paceline run`: all services, or some.

use std::process::ExitCode;

use lifecycle::StopSignals;

use crate::backup::ensure_finished;
use crate::cli::RunOptions;
use crate::commands::load;
use crate::compose::{ServiceNames, all};
use crate::output::print_line;
use crate::program::Program;
use crate::settings::LoadedSettings;

/// Runs every service.
pub(super) async fn up(options: &RunOptions) -> anyhow::Result<ExitCode> {
    Box::pin(serve(options, all())).await
}

/// Runs some services.
pub(super) async fn run(options: &RunOptions, names: &[String]) -> anyhow::Result<ExitCode> {
    let names: ServiceNames =
        all().into_iter().filter(|known| names.iter().any(|name| name == known)).collect();
    Box::pin(serve(options, names)).await
}

async fn serve(options: &RunOptions, names: ServiceNames) -> anyhow::Result<ExitCode> {
    let (loaded, guard) = load(options)?;
    let first = !loaded.settings.data.dir.join("keys").exists();
    summarize(&loaded, &names, first);
    ensure_finished(&loaded.settings.data.dir)?;
    let program = Program::start(&loaded.settings, &names).await?;
    let signals = StopSignals::listen()?;
    print_line(serde_json::to_string(&program.ready)?);
    let code = program.run(signals).await;
    guard.shutdown();
    Ok(code)
}

/// Prints services and settings, with secrets redacted and without defaults.
fn summarize(loaded: &LoadedSettings, names: &ServiceNames, first: bool) {
    let services: Vec<&str> = names.iter().copied().collect();
    eprintln!("paceline {} · {}", env!("CARGO_PKG_VERSION"), services.join(", "));
    for line in loaded.lines.iter().filter(|line| line.source != "default") {
        eprintln!("  {} = {}   ({})", line.key, line.value, line.source);
    }
    let settings = &loaded.settings;
    let log = settings.kafka.brokers.as_deref().map_or("built in (this process only)", |_| "Kafka");
    let database = settings.database.url.as_ref().map_or("SQLite files", |_| "a database server");
    eprintln!("  data in {}, log: {log}, database: {database}", settings.data.dir.display());
    if settings.server.public_url.is_none() {
        eprintln!(
            "  no --public-url: Strava cannot reach us, so new activities are found by polling hourly"
        );
    }
    if settings.strava.client_id.is_none() {
        eprintln!(
            "  no Strava application (strava.client_id, strava.client_secret): nobody can connect yet"
        );
    }
    if first {
        eprintln!(
            "  first start: Strava's data is kept with strava.retention = {:?}; see docs/adr/0001",
            settings.strava.retention
        );
    }
}

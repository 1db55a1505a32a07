//! `paceline up` and `paceline run`: all services, or some.

use std::process::ExitCode;

use crate::cli::Place;
use crate::commands::{begin, say};
use crate::compose::{Wanted, all};
use crate::program::Program;
use crate::settings::Chosen;

/// Runs every service.
pub(super) async fn up(place: &Place) -> anyhow::Result<ExitCode> {
    Box::pin(serve(place, all())).await
}

/// Runs some services.
pub(super) async fn run(place: &Place, names: &[String]) -> anyhow::Result<ExitCode> {
    let wanted: Wanted =
        all().into_iter().filter(|known| names.iter().any(|name| name == known)).collect();
    Box::pin(serve(place, wanted)).await
}

async fn serve(place: &Place, wanted: Wanted) -> anyhow::Result<ExitCode> {
    let (chosen, guard) = begin(place)?;
    let first = !chosen.settings.data.dir.join("keys").exists();
    summarize(&chosen, &wanted, first);
    let program = Program::start(&chosen.settings, &wanted).await?;
    say(serde_json::to_string(&program.ready)?);
    let code = program.run().await;
    guard.shutdown();
    Ok(code)
}

/// What starts, on what, with secrets redacted; a default is not worth a line.
fn summarize(chosen: &Chosen, wanted: &Wanted, first: bool) {
    let services: Vec<&str> = wanted.iter().copied().collect();
    eprintln!("paceline {} · {}", env!("CARGO_PKG_VERSION"), services.join(", "));
    for line in chosen.lines.iter().filter(|line| line.source != "default") {
        eprintln!("  {} = {}   ({})", line.key, line.value, line.source);
    }
    let settings = &chosen.settings;
    let log = settings.kafka.brokers.as_deref().map_or("built in (this process only)", |_| "Kafka");
    let database = settings.database.url.as_ref().map_or("SQLite files", |_| "a database server");
    eprintln!("  data in {}, log: {log}, rows: {database}", settings.data.dir.display());
    if settings.server.public_url.is_none() {
        eprintln!(
            "  no --public-url: Strava cannot reach us, so new activities are found by looking hourly"
        );
    }
    if settings.strava.client_id.is_none() {
        eprintln!(
            "  no Strava application (strava.client_id, strava.client_secret): nobody can connect yet"
        );
    }
    if first {
        eprintln!(
            "  first start: Strava's data is kept with strava.retention = {:?}; what that means stands in docs/adr/0001",
            settings.strava.retention
        );
    }
}

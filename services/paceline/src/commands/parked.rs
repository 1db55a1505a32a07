//! `paceline parked`: records that could not be handled.

use std::process::ExitCode;

use anyhow::{Context, bail};
use outbox::{Database, ParkedEvents, Target};

use crate::cli::{Parked, RunOptions};
use crate::commands::load;
use crate::compose::{SERVICES, ServiceEntry, database_target};
use crate::output::print_line;
use crate::settings::Settings;

/// Records listed for each service.
const MAX_LISTED: u64 = 1000;

/// Lists, shows, replays or drops, also beside a running program.
pub(super) async fn parked(options: &RunOptions, action: Parked) -> anyhow::Result<ExitCode> {
    let (loaded, _guard) = load(options)?;
    let settings = &loaded.settings;
    match action {
        Parked::List => list(settings).await?,
        Parked::Show { service, id } => {
            let record = find_service(settings, &service)
                .await?
                .show(&id)
                .await?
                .with_context(|| format!("nothing is parked as {id}"))?;
            print_line(format!("{record:#?}"));
        }
        Parked::Replay { service, id } => {
            let replayed = find_service(settings, &service).await?.replay(&id).await?;
            print_done(
                replayed,
                &id,
                "back in the outbox: the service publishes it while it runs",
            )?;
        }
        Parked::Drop { service, id } => {
            let dropped = find_service(settings, &service).await?.drop(&id).await?;
            print_done(dropped, &id, "dropped")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(settings: &Settings) -> anyhow::Result<()> {
    let mut count = 0;
    for entry in SERVICES.iter().filter(|entry| entry.is_enabled(settings)) {
        let Some(parked) = open(settings, entry).await? else { continue };
        for record in parked.list(MAX_LISTED).await? {
            count += 1;
            print_line(format!(
                "{:<12} {} {} {}/{}@{} {} — {}",
                entry.name,
                record.id,
                record.parked_at.to_rfc3339(),
                record.topic,
                record.partition,
                record.offset,
                record.kind().unwrap_or("undecodable"),
                record.reason
            ));
        }
    }
    if count == 0 {
        print_line("nothing is parked");
    }
    Ok(())
}

async fn find_service(settings: &Settings, name: &str) -> anyhow::Result<ParkedEvents> {
    let Some(entry) = SERVICES.iter().find(|entry| entry.name == name) else {
        let names: Vec<&str> = SERVICES.iter().map(|entry| entry.name).collect();
        bail!("there is no service {name:?}; the services are {}", names.join(", "));
    };
    let parked = open(settings, entry).await?;
    parked.with_context(|| format!("{name} has no database yet, so nothing is parked there"))
}

/// The parked events of a service; none if its database does not exist yet.
async fn open(settings: &Settings, entry: &ServiceEntry) -> anyhow::Result<Option<ParkedEvents>> {
    let target = database_target(settings, entry.name);
    if matches!(&target, Target::Sqlite { file } if !file.exists()) {
        return Ok(None);
    }
    let database =
        Database::open_migrated(&target, (entry.migrations)()).await.with_context(|| {
            format!(
                "the database of {} cannot be opened; `paceline migrate` brings it up to date",
                entry.name
            )
        })?;
    Ok(Some(ParkedEvents::new(database)))
}

fn print_done(done: bool, id: &str, what: &str) -> anyhow::Result<()> {
    if !done {
        bail!("nothing is parked as {id}");
    }
    print_line(format!("{id} {what}"));
    Ok(())
}

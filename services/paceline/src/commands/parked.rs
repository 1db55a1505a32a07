//! `paceline parked`: records that could not be handled.

use std::process::ExitCode;

use anyhow::{Context, bail};
use outbox::{Database, ParkedEvents};
use reqwest::Method;

use crate::cli::{Parked, RunOptions};
use crate::commands::load;
use crate::compose::{SERVICES, ServiceEntry, database_target};
use crate::ops_client::{self, Beside, OpsClient};
use crate::output::print_line;
use crate::parked::{MAX_LISTED, ParkedRecord, ParkedSummary};
use crate::settings::Settings;

/// The keeper of the records: the running program, or the databases where none runs.
enum Keeper<'a> {
    Program(OpsClient),
    Databases(&'a Settings),
}

/// Lists, shows, replays or drops: by the running program, else in its databases.
pub(super) async fn parked(options: &RunOptions, action: Parked) -> anyhow::Result<ExitCode> {
    let (loaded, _guard) = load(options)?;
    let keeper = match ops_client::find(&loaded).await? {
        Beside::Program(client) => Keeper::Program(client),
        Beside::Stranger(address) => {
            eprintln!(
                "the program at {address} does not take this credential: working on the databases of {}",
                loaded.settings.data.dir.display()
            );
            Keeper::Databases(&loaded.settings)
        }
        Beside::Nothing(_) => Keeper::Databases(&loaded.settings),
    };
    match action {
        Parked::List => print_list(&keeper.list().await?),
        Parked::Show { service, id } => {
            let record = keeper.show(&service, &id).await?;
            let record = record.with_context(|| format!("nothing is parked as {id}"))?;
            print_line(serde_json::to_string_pretty(&record)?);
        }
        Parked::Replay { service, id } => {
            let replayed = keeper.replay(&service, &id).await?;
            print_done(
                replayed,
                &id,
                "back in the outbox: the service publishes it while it runs",
            )?;
        }
        Parked::Drop { service, id } => {
            print_done(keeper.drop(&service, &id).await?, &id, "dropped")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Keeper<'_> {
    async fn list(&self) -> anyhow::Result<Vec<ParkedSummary>> {
        let settings = match self {
            Self::Program(client) => return client.get("parked").await,
            Self::Databases(settings) => settings,
        };
        let mut listed = Vec::new();
        for entry in SERVICES.iter().filter(|entry| entry.is_enabled(settings)) {
            let Some(parked) = open(settings, entry).await? else { continue };
            let events = parked.list(MAX_LISTED).await?;
            listed.extend(events.iter().map(|event| ParkedSummary::new(entry.name, event)));
        }
        Ok(listed)
    }

    async fn show(&self, service: &str, id: &str) -> anyhow::Result<Option<ParkedRecord>> {
        match self {
            Self::Program(client) => client.find(&path_of(service, id)?).await,
            Self::Databases(settings) => {
                let event = find_service(settings, service).await?.show(id).await?;
                Ok(event.map(|event| ParkedRecord::new(service, &event)))
            }
        }
    }

    async fn replay(&self, service: &str, id: &str) -> anyhow::Result<bool> {
        match self {
            Self::Program(client) => {
                client.act(Method::POST, &format!("{}/replay", path_of(service, id)?)).await
            }
            Self::Databases(settings) => {
                Ok(find_service(settings, service).await?.replay(id).await?)
            }
        }
    }

    async fn drop(&self, service: &str, id: &str) -> anyhow::Result<bool> {
        match self {
            Self::Program(client) => client.act(Method::DELETE, &path_of(service, id)?).await,
            Self::Databases(settings) => {
                Ok(find_service(settings, service).await?.drop(id).await?)
            }
        }
    }
}

/// The path of a record on the operations port.
fn path_of(service: &str, id: &str) -> anyhow::Result<String> {
    let service = find_entry(service)?.name;
    // Ids are UUIDs: whatever else was typed must not become another path.
    let id: uuid::Uuid = id.parse().with_context(|| format!("nothing is parked as {id}"))?;
    Ok(format!("parked/{service}/{id}"))
}

fn print_list(listed: &[ParkedSummary]) {
    for record in listed {
        print_line(format!(
            "{:<12} {} {} {}/{}@{} {} — {}",
            record.service,
            record.id,
            record.parked_at,
            record.topic,
            record.partition,
            record.offset,
            record.kind.as_deref().unwrap_or("undecodable"),
            record.reason
        ));
    }
    if listed.is_empty() {
        print_line("nothing is parked");
    }
}

fn find_entry(name: &str) -> anyhow::Result<&'static ServiceEntry> {
    let Some(entry) = SERVICES.iter().find(|entry| entry.name == name) else {
        let names: Vec<&str> = SERVICES.iter().map(|entry| entry.name).collect();
        bail!("there is no service {name:?}; the services are {}", names.join(", "));
    };
    Ok(entry)
}

async fn find_service(settings: &Settings, name: &str) -> anyhow::Result<ParkedEvents> {
    let parked = open(settings, find_entry(name)?).await?;
    parked.with_context(|| format!("{name} has no database yet, so nothing is parked there"))
}

/// The parked events of a service; none if its database does not exist yet.
async fn open(settings: &Settings, entry: &ServiceEntry) -> anyhow::Result<Option<ParkedEvents>> {
    let target = database_target(settings, entry.name);
    if !target.exists().await? {
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

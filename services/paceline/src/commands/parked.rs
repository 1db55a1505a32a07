//! `paceline parked`: records that could not be handled.

use std::process::ExitCode;

use anyhow::{Context, bail};
use lifecycle::Tasks;
use outbox::ParkedEvents;

use crate::cli::{Parked, RunOptions};
use crate::commands::load;
use crate::compose::{Addresses, Foundation, Services, all};
use crate::output::print_line;

/// Lists, shows, replays or drops.
pub(super) async fn parked(options: &RunOptions, action: Parked) -> anyhow::Result<ExitCode> {
    let (loaded, _guard) = load(options)?;
    let foundation = Foundation::build(loaded.settings.clone(), true)
        .context("parked records are looked at while paceline is stopped, or on the machine of a service of its own")?;
    let bus = foundation.bus().await?;
    let nowhere = loaded.settings.strava.url.clone();
    let addresses = Addresses { public: nowhere.clone(), reachable: false, token: nowhere };
    let services = Services::start(&foundation, &bus, &all(), &addresses, &Tasks::new()).await?;
    match action {
        Parked::List => list(&services.parked()).await?,
        Parked::Show { service, id } => {
            let record = find_service(&services, &service)?
                .show(&id)
                .await?
                .with_context(|| format!("nothing is parked as {id}"))?;
            print_line(format!("{record:#?}"));
        }
        Parked::Replay { service, id } => {
            let done = find_service(&services, &service)?.replay(&id).await?;
            print_done(
                done,
                &id,
                "back in the outbox: the service publishes it as soon as it runs",
            )?;
        }
        Parked::Drop { service, id } => {
            let done = find_service(&services, &service)?.drop(&id).await?;
            print_done(done, &id, "dropped")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(all: &[(&'static str, ParkedEvents)]) -> anyhow::Result<()> {
    let mut count = 0;
    for (service, parked) in all {
        for record in parked.list(1000).await? {
            count += 1;
            print_line(format!(
                "{service:<12} {} {} {}/{}@{} {} — {}",
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

fn find_service(services: &Services, service: &str) -> anyhow::Result<ParkedEvents> {
    let mut all = services.parked().into_iter();
    all.find(|(name, _)| *name == service).map(|(_, parked)| parked).with_context(|| {
        format!("{service:?} parks nothing; it should be token, ingest, stats or duplication")
    })
}

fn print_done(done: bool, id: &str, what: &str) -> anyhow::Result<()> {
    if !done {
        bail!("nothing is parked as {id}");
    }
    print_line(format!("{id} {what}"));
    Ok(())
}

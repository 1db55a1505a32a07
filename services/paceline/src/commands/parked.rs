//! `paceline parked`: records that could not be handled.

use std::process::ExitCode;

use anyhow::{Context, bail};
use event_bus::PublisherKind;
use lifecycle::Tasks;
use outbox::ParkedEvents;

use crate::cli::{Parked, Place};
use crate::commands::{begin, say};
use crate::compose::{Addresses, Foundation, Services, all};

/// Lists, shows, replays or drops.
pub(super) async fn parked(place: &Place, action: Parked) -> anyhow::Result<ExitCode> {
    let (chosen, _guard) = begin(place)?;
    let on = Foundation::lay(chosen.settings.clone(), true)
        .context("parked records are looked at while paceline is stopped, or on the machine of a service of its own")?;
    let bus = on.bus().await?;
    let nowhere = chosen.settings.strava.url.clone();
    let at = Addresses { public: nowhere.clone(), reachable: false, token: nowhere };
    let services = Services::start(&on, &bus, &all(), &at, &Tasks::new()).await?;
    match action {
        Parked::List => list(&services.parked()).await?,
        Parked::Show { service, id } => {
            let record = of(&services, &service)?
                .show(&id)
                .await?
                .with_context(|| format!("nothing is parked as {id}"))?;
            say(format!("{record:#?}"));
        }
        Parked::Replay { service, id } => {
            let done = of(&services, &service)?.replay(&id).await?;
            told(done, &id, "back in the outbox: the service publishes it as soon as it runs")?;
        }
        Parked::Drop { service, id } => {
            let done = of(&services, &service)?.drop(&id).await?;
            told(done, &id, "dropped")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(all: &[(&'static str, ParkedEvents)]) -> anyhow::Result<()> {
    let mut count = 0;
    for (service, parked) in all {
        for record in parked.list(1000).await? {
            count += 1;
            say(format!(
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
        say("nothing is parked");
    }
    Ok(())
}

fn of(services: &Services, service: &str) -> anyhow::Result<ParkedEvents> {
    let mut all = services.parked().into_iter();
    all.find(|(name, _)| *name == service).map(|(_, parked)| parked).with_context(|| {
        format!("{service:?} parks nothing; it should be token, ingest, stats or duplication")
    })
}

fn told(done: bool, id: &str, what: &str) -> anyhow::Result<()> {
    if !done {
        bail!("nothing is parked as {id}");
    }
    say(format!("{id} {what}"));
    Ok(())
}

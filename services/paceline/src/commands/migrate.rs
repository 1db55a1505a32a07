//! `paceline migrate`: creates databases and brings their tables up to date.

use std::process::ExitCode;

use lifecycle::Tasks;

use crate::cli::Place;
use crate::commands::{begin, say};
use crate::compose::{Addresses, Foundation, Services, all};

/// Migrates every service's database.
pub(super) async fn migrate(place: &Place) -> anyhow::Result<ExitCode> {
    let (chosen, _guard) = begin(place)?;
    let mut settings = chosen.settings.clone();
    settings.database.migrate = true;
    let on = Foundation::beside(settings)?;
    let bus = on.built_in_log().await?;
    let nowhere = chosen.settings.strava.url.clone();
    let at = Addresses { public: nowhere.clone(), reachable: false, token: nowhere };
    let services = Services::start(&on, &bus, &all(), &at, &Tasks::new()).await?;
    for name in services.names() {
        say(format!("{name:<12} up to date"));
    }
    Ok(ExitCode::SUCCESS)
}

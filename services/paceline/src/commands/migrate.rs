//! `paceline migrate`: creates databases and brings their tables up to date.

use std::process::ExitCode;

use lifecycle::Tasks;

use crate::cli::RunOptions;
use crate::commands::load;
use crate::compose::{Addresses, Foundation, Services, all};
use crate::output::print_line;

/// Migrates every service's database.
pub(super) async fn migrate(options: &RunOptions) -> anyhow::Result<ExitCode> {
    let (loaded, _guard) = load(options)?;
    let mut settings = loaded.settings.clone();
    settings.database.migrate = true;
    let foundation = Foundation::build_unlocked(settings)?;
    let bus = foundation.built_in_log().await?;
    let nowhere = loaded.settings.strava.url.clone();
    let addresses = Addresses { public: nowhere.clone(), reachable: false, token: nowhere };
    let services = Services::start(&foundation, &bus, &all(), &addresses, &Tasks::new()).await?;
    for name in services.names() {
        print_line(format!("{name:<12} up to date"));
    }
    Ok(ExitCode::SUCCESS)
}

//! `paceline migrate`: creates databases and brings their tables up to date.

use std::process::ExitCode;

use anyhow::Context;
use outbox::Database;
use service_kit::Service as _;

use crate::cli::RunOptions;
use crate::commands::load;
use crate::compose::{SERVICES, database_target};
use crate::doctor::check_keys;
use crate::output::print_line;
use crate::settings::Settings;

/// Migrates the database of every enabled service, also beside a running program.
pub(super) async fn migrate(options: &RunOptions) -> anyhow::Result<ExitCode> {
    let (loaded, _guard) = load(options)?;
    let settings = &loaded.settings;
    for entry in SERVICES.iter().filter(|entry| entry.is_enabled(settings)) {
        let target = database_target(settings, entry.name);
        let database = Database::open(&target, (entry.migrations)())
            .await
            .with_context(|| format!("the database of {} cannot be migrated", entry.name))?;
        database.close().await?;
        print_line(format!("{:<12} up to date", entry.name));
        if entry.name == token::Service::NAME {
            warn_of_wrong_keys(settings).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says so if the program will not start with its keys. Migrations need none, so they count as done.
async fn warn_of_wrong_keys(settings: &Settings) {
    if let Err(error) = check_keys(settings).await {
        print_line(format!("WARNING: the next start is refused: {:#}", anyhow::Error::new(error)));
    }
}

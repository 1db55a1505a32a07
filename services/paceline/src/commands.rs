//! The commands, one in each file.

mod backup;
mod demo;
mod doctor;
mod migrate;
mod openapi;
mod parked;
mod receipts;
mod seats;
mod topics;
mod up;
mod users;

use std::pin::Pin;
use std::process::ExitCode;

use settings::SettingsError;

use crate::cli::{Cli, Command, RunOptions};
use crate::settings::{LoadedSettings, load_settings};

/// A broker, database or other server is unavailable.
const EX_UNAVAILABLE: u8 = 69;
/// A wrong setting.
const EX_CONFIG: u8 = 78;

/// Runs a command and returns its exit code.
pub async fn run(cli: Cli) -> ExitCode {
    // Boxed, or the compiler would lay out every command's future inside this one.
    let outcome: Pin<Box<dyn Future<Output = anyhow::Result<ExitCode>>>> = match cli.command {
        Command::Up(options) => Box::pin(async move { up::up(&options).await }),
        Command::Run { services, options } => {
            Box::pin(async move { up::run(&options, &services).await })
        }
        Command::Demo(args) => Box::pin(async move { demo::demo(&args).await }),
        Command::Doctor { ready: true, options, .. } => {
            Box::pin(async move { doctor::is_ready(&options).await })
        }
        Command::Doctor { json, options, .. } => {
            Box::pin(async move { doctor::doctor(&options, json).await })
        }
        Command::Migrate(options) => Box::pin(async move { migrate::migrate(&options).await }),
        Command::Topics(options) => Box::pin(async move { topics::topics(&options).await }),
        Command::Users { action, options } => {
            Box::pin(async move { users::users(&options, action).await })
        }
        Command::Parked { action, options } => {
            Box::pin(async move { parked::parked(&options, action).await })
        }
        Command::Seats { action, options } => {
            Box::pin(async move { seats::seats(&options, action).await })
        }
        Command::Receipts { athlete, options } => {
            Box::pin(async move { receipts::receipts(&options, &athlete).await })
        }
        Command::Backup { action, options } => {
            Box::pin(async move { backup::backup(&options, action).await })
        }
        Command::Openapi => Box::pin(async { openapi::openapi() }),
        Command::Completions { shell } => Box::pin(async move { Ok(openapi::completions(shell)) }),
    };
    match outcome.await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(code_of(&error))
        }
    }
}

fn code_of(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<SettingsError>().is_some() {
        return EX_CONFIG;
    }
    let unavailable = error.chain().any(|cause| {
        matches!(
            cause.downcast_ref::<outbox::StoreError>(),
            Some(outbox::StoreError::Unavailable(_))
        ) || cause.downcast_ref::<event_bus::BusError>().is_some()
    });
    let wrong_keys = error.chain().any(|cause| {
        let keys = cause.downcast_ref::<token::KeyringError>();
        keys.is_some_and(|error| !matches!(error, token::KeyringError::Store(_)))
    });
    match (unavailable, wrong_keys) {
        (true, _) => EX_UNAVAILABLE,
        (false, true) => EX_CONFIG,
        (false, false) => 1,
    }
}

/// Loads the settings of a command and starts logging.
fn load(options: &RunOptions) -> anyhow::Result<(LoadedSettings, telemetry::Guard)> {
    let loaded = load_settings(options)?;
    let settings = &loaded.settings;
    let guard = telemetry::init(&telemetry::Settings {
        format: settings.log.format,
        filter: settings.log.filter.clone(),
        otlp_endpoint: settings.telemetry.otlp_endpoint.clone(),
        service: "paceline".to_owned(),
    })?;
    Ok((loaded, guard))
}

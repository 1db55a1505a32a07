//! The commands: one a file.

mod demo;
mod doctor;
mod migrate;
mod openapi;
mod parked;
mod topics;
mod up;
mod users;

use std::pin::Pin;
use std::process::ExitCode;

use settings::SettingsError;

use crate::cli::{Cli, Command, Place};
use crate::settings::{Chosen, choose};

/// Something we need is away.
const EX_UNAVAILABLE: u8 = 69;
/// A wrong setting.
const EX_CONFIG: u8 = 78;

/// Carries out what was asked, and says how it ended.
pub async fn run(cli: Cli) -> ExitCode {
    // Boxed, or the compiler would lay out every command's future inside this one.
    let outcome: Pin<Box<dyn Future<Output = anyhow::Result<ExitCode>>>> = match cli.command {
        Command::Up(place) => Box::pin(async move { up::up(&place).await }),
        Command::Run { services, place } => {
            Box::pin(async move { up::run(&place, &services).await })
        }
        Command::Demo(args) => Box::pin(async move { demo::demo(&args).await }),
        Command::Doctor { ready: true, place, .. } => {
            Box::pin(async move { doctor::is_ready(&place).await })
        }
        Command::Doctor { json, place, .. } => {
            Box::pin(async move { doctor::doctor(&place, json).await })
        }
        Command::Migrate(place) => Box::pin(async move { migrate::migrate(&place).await }),
        Command::Topics(place) => Box::pin(async move { topics::topics(&place).await }),
        Command::Users { action, place } => {
            Box::pin(async move { users::users(&place, action).await })
        }
        Command::Parked { action, place } => {
            Box::pin(async move { parked::parked(&place, action).await })
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
    let away = error.chain().any(|cause| {
        matches!(
            cause.downcast_ref::<outbox::StoreError>(),
            Some(outbox::StoreError::Unavailable(_))
        ) || cause.downcast_ref::<event_bus::BusError>().is_some()
    });
    if away { EX_UNAVAILABLE } else { 1 }
}

/// The settings of a command, with logs turned on.
fn begin(place: &Place) -> anyhow::Result<(Chosen, telemetry::Guard)> {
    let chosen = choose(place)?;
    let settings = &chosen.settings;
    let guard = telemetry::init(&telemetry::Settings {
        format: settings.log.format,
        filter: settings.log.filter.clone(),
        otlp_endpoint: settings.telemetry.otlp_endpoint.clone(),
        service: "paceline".to_owned(),
    })?;
    Ok((chosen, guard))
}

/// Prints a line of a result.
pub(crate) fn say(line: impl std::fmt::Display) {
    use std::io::Write;
    // A reader that has left needs no line.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

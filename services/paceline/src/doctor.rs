//! Checks of the installation: made by the running program, or from its files where none runs.

mod disk;
mod finding;
mod reach;
mod stores;

use event_bus::Bus;

use crate::compose::{Foundation, SERVICES};
use crate::settings::Settings;

pub(crate) use disk::free_bytes;
pub(crate) use finding::{Finding, State, ok, warning};
pub(crate) use stores::check_keys;

/// A running program: what its settings do not say.
#[derive(Clone, Copy)]
pub(crate) struct RunningProgram<'a> {
    pub(crate) foundation: &'a Foundation,
    pub(crate) bus: &'a Bus,
    pub(crate) services: &'a [String],
}

impl RunningProgram<'_> {
    fn runs(&self, service: &str) -> bool {
        self.services.iter().any(|name| name == service)
    }
}

/// Checks settings, stores, log, disk, clock and Strava, and a running program's public address besides. Creates
/// nothing.
pub(crate) async fn check(
    settings: &Settings,
    running: Option<RunningProgram<'_>>,
) -> Vec<Finding> {
    let mut findings = vec![application(settings)];
    findings.extend(match running {
        Some(program) => reach::check_public_address(program).await,
        None => vec![reach::configured_address(settings)],
    });
    findings.push(stores::data_directory(&settings.data.dir));
    findings.push(disk::check(&settings.data.dir));
    let runs = |name: &str| running.is_none_or(|program| program.runs(name));
    for entry in SERVICES.iter().filter(|entry| entry.is_enabled(settings) && runs(entry.name)) {
        findings.push(stores::database(settings, entry).await);
    }
    if runs(<token::Service as service_kit::Service>::NAME) {
        findings.push(stores::sealing_keys(settings).await);
    }
    findings.push(stores::log(settings, running.map(|program| program.bus)).await);
    findings.extend(reach::strava_and_clock(settings).await);
    findings
}

/// The finding about the program itself.
pub(crate) fn program(message: impl Into<String>) -> Finding {
    ok("program", message)
}

fn application(settings: &Settings) -> Finding {
    match (settings.strava.client_id, &settings.strava.client_secret) {
        (Some(id), Some(_)) => {
            let callback =
                settings.strava.redirect_uri.as_ref().or(settings.server.public_url.as_ref());
            let domain = callback.and_then(|url| url.host_str()).unwrap_or("localhost");
            ok(
                "Strava application",
                format!("client id {id}; its callback domain must be {domain}"),
            )
        }
        _ => warning(
            "Strava application",
            "not set: nobody can connect",
            "set PACELINE_STRAVA__CLIENT_ID and PACELINE_STRAVA__CLIENT_SECRET_FILE",
        ),
    }
}

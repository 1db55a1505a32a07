//! `paceline doctor`: checks the installation and names remedies.

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use crate::cli::RunOptions;
use crate::commands::load;
use crate::compose::{Foundation, SERVICES, database_target};
use crate::output::print_line;
use crate::settings::Settings;

/// The result of one check.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    #[serde(rename = "said")]
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Fault,
}

/// Checks the readiness of the program that runs on this machine.
pub(super) async fn is_ready(options: &RunOptions) -> anyhow::Result<ExitCode> {
    let (loaded, _guard) = load(options)?;
    let mut ops = loaded.settings.server.ops_listen;
    if ops.ip().is_unspecified() {
        ops.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let answer = telemetry::http_client(Duration::from_secs(2))?
        .get(format!("http://{ops}/readyz"))
        .send()
        .await?;
    let ready = answer.status().is_success();
    print_line(answer.text().await?);
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks everything that can be checked from outside.
pub(super) async fn doctor(options: &RunOptions, json: bool) -> anyhow::Result<ExitCode> {
    let (loaded, _guard) = load(options)?;
    let settings = loaded.settings;
    let foundation = Foundation::build_unlocked(settings.clone())?;
    let mut findings = vec![application(&settings), reachability(&settings)];
    for entry in &SERVICES {
        findings.push(database(&settings, entry.name).await);
    }
    findings.push(log(&foundation, &settings).await);
    findings.push(strava(&settings).await);
    if json {
        print_line(serde_json::to_string_pretty(&findings)?);
    } else {
        for finding in &findings {
            let mark = match finding.state {
                State::Ok => "ok     ",
                State::Warning => "warning",
                State::Fault => "FAULT  ",
            };
            print_line(format!("{mark} {}: {}", finding.check, finding.message));
            if let Some(advice) = finding.advice {
                print_line(format!("        → {advice}"));
            }
        }
    }
    let worst = findings.iter().map(|finding| finding.state).max().unwrap_or(State::Ok);
    Ok(ExitCode::from(match worst {
        State::Ok => 0,
        State::Fault => 1,
        State::Warning => 2,
    }))
}

fn ok(check: &'static str, message: impl Into<String>) -> Finding {
    Finding { check, state: State::Ok, message: message.into(), advice: None }
}

fn problem(
    check: &'static str,
    state: State,
    message: impl Into<String>,
    advice: &'static str,
) -> Finding {
    Finding { check, state, message: message.into(), advice: Some(advice) }
}

fn application(settings: &Settings) -> Finding {
    match (settings.strava.client_id, &settings.strava.client_secret) {
        (Some(id), Some(_)) => ok("Strava application", format!("client id {id}")),
        _ => problem(
            "Strava application",
            State::Warning,
            "not set: nobody can connect",
            "set PACELINE_STRAVA__CLIENT_ID and PACELINE_STRAVA__CLIENT_SECRET_FILE",
        ),
    }
}

fn reachability(settings: &Settings) -> Finding {
    match &settings.server.public_url {
        Some(url) => ok("public address", url.to_string()),
        None => problem(
            "public address",
            State::Warning,
            "not set: new activities are found by polling hourly, not at once",
            "give --public-url once Strava can reach you",
        ),
    }
}

async fn database(settings: &Settings, service: &'static str) -> Finding {
    let target = database_target(settings, service);
    let check = "database";
    if let outbox::Target::Sqlite { file } = &target
        && !file.exists()
    {
        return ok(check, format!("{service}: will be created at the first start"));
    }
    let ping = async { anyhow::Ok(outbox::Database::connect(&target).await?.ping().await?) };
    match ping.await {
        Ok(()) => ok(check, format!("{service}: answers")),
        Err(error) => problem(
            check,
            State::Fault,
            format!("{service}: {error:#}"),
            "is the server up, and may this account use the database?",
        ),
    }
}

async fn log(foundation: &Foundation, settings: &Settings) -> Finding {
    if settings.kafka.brokers.is_none() {
        return ok("log", format!("built in, {}", foundation.log_file().display()));
    }
    let healthy = async { anyhow::Ok(foundation.bus().await?.check_health().await?) };
    match healthy.await {
        Ok(()) => ok("log", "Kafka answers"),
        Err(error) => problem(
            "log",
            State::Fault,
            format!("{error:#}"),
            "check kafka.brokers, TLS and the SASL user",
        ),
    }
}

async fn strava(settings: &Settings) -> Finding {
    let status = async {
        let http = telemetry::http_client(Duration::from_secs(5))?;
        anyhow::Ok(http.get(settings.strava.url.clone()).send().await?.status())
    };
    match status.await {
        Ok(status) => ok("Strava", format!("answers ({status})")),
        Err(error) => problem(
            "Strava",
            State::Warning,
            format!("{error:#}"),
            "check strava.url and this network's way to the internet",
        ),
    }
}

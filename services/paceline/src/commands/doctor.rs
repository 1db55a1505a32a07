//! `paceline doctor`: what is wrong, and what to do about it.

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use crate::cli::Place;
use crate::commands::{begin, say};
use crate::compose::Foundation;
use crate::settings::Settings;

/// One check and what came of it.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    said: String,
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

/// Asks the program that runs here whether it is ready.
pub(super) async fn is_ready(place: &Place) -> anyhow::Result<ExitCode> {
    let (chosen, _guard) = begin(place)?;
    let mut ops = chosen.settings.server.ops_listen;
    if ops.ip().is_unspecified() {
        ops.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let answer = telemetry::http_client(Duration::from_secs(2))?
        .get(format!("http://{ops}/readyz"))
        .send()
        .await?;
    let ready = answer.status().is_success();
    say(answer.text().await?);
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks everything that can be checked from outside.
pub(super) async fn doctor(place: &Place, json: bool) -> anyhow::Result<ExitCode> {
    let (chosen, _guard) = begin(place)?;
    let settings = chosen.settings;
    let on = Foundation::beside(settings.clone())?;
    let mut findings = vec![application(&settings), reachability(&settings)];
    for service in ["token", "ingest", "stats", "duplication", "identity"] {
        findings.push(database(&on, service).await);
    }
    findings.push(log(&on, &settings).await);
    findings.push(strava(&settings).await);
    if json {
        say(serde_json::to_string_pretty(&findings)?);
    } else {
        for finding in &findings {
            let mark = match finding.state {
                State::Ok => "ok     ",
                State::Warning => "warning",
                State::Fault => "FAULT  ",
            };
            say(format!("{mark} {}: {}", finding.check, finding.said));
            if let Some(advice) = finding.advice {
                say(format!("        → {advice}"));
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

fn ok(check: &'static str, said: impl Into<String>) -> Finding {
    Finding { check, state: State::Ok, said: said.into(), advice: None }
}

fn not_ok(
    check: &'static str,
    state: State,
    said: impl Into<String>,
    advice: &'static str,
) -> Finding {
    Finding { check, state, said: said.into(), advice: Some(advice) }
}

fn application(settings: &Settings) -> Finding {
    match (settings.strava.client_id, &settings.strava.client_secret) {
        (Some(id), Some(_)) => ok("Strava application", format!("client id {id}")),
        _ => not_ok(
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
        None => not_ok(
            "public address",
            State::Warning,
            "not set: new activities are found hourly, not at once",
            "give --public-url once Strava can reach you",
        ),
    }
}

async fn database(on: &Foundation, service: &'static str) -> Finding {
    let target = on.database(service);
    let check = "database";
    if let outbox::Target::Sqlite { file } = &target
        && !file.exists()
    {
        return ok(check, format!("{service}: will be made at the first start"));
    }
    let answers = async { anyhow::Ok(outbox::Database::connect(&target).await?.ping().await?) };
    match answers.await {
        Ok(()) => ok(check, format!("{service}: answers")),
        Err(error) => not_ok(
            check,
            State::Fault,
            format!("{service}: {error:#}"),
            "is the server up, and may this account use the database?",
        ),
    }
}

async fn log(on: &Foundation, settings: &Settings) -> Finding {
    if settings.kafka.brokers.is_none() {
        return ok("log", format!("built in, {}", on.log_file().display()));
    }
    let healthy = async { anyhow::Ok(on.bus().await?.check_health().await?) };
    match healthy.await {
        Ok(()) => ok("log", "Kafka answers"),
        Err(error) => not_ok(
            "log",
            State::Fault,
            format!("{error:#}"),
            "check kafka.brokers, TLS and the SASL user",
        ),
    }
}

async fn strava(settings: &Settings) -> Finding {
    let asked = async {
        let http = telemetry::http_client(Duration::from_secs(5))?;
        anyhow::Ok(http.get(settings.strava.url.clone()).send().await?.status())
    };
    match asked.await {
        Ok(status) => ok("Strava", format!("answers ({status})")),
        Err(error) => not_ok(
            "Strava",
            State::Warning,
            format!("{error:#}"),
            "check strava.url and the way out of this network",
        ),
    }
}

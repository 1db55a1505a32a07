//! `paceline doctor`: checks the installation and names remedies.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use service_kit::Service as _;

use crate::cli::RunOptions;
use crate::commands::load;
use crate::compose::{Foundation, SERVICES, ServiceEntry, data_dir, database_target, log_file};
use crate::generated_secrets;
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
    let mut findings = vec![application(&settings), reachability(&settings)];
    findings.push(data_directory(&settings.data.dir));
    for entry in SERVICES.iter().filter(|entry| entry.is_enabled(&settings)) {
        findings.push(database(&settings, entry).await);
    }
    findings.push(sealing_keys(&settings).await);
    findings.push(log(&settings).await);
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

fn data_directory(data: &Path) -> Finding {
    let check = "data directory";
    if !data.exists() {
        return ok(check, format!("{}: will be created at the first start", data.display()));
    }
    let checked = data_dir::check_writable(data).and_then(|()| data_dir::list_open_to_others(data));
    match checked {
        Ok(open) if open.is_empty() => ok(check, data.display().to_string()),
        Ok(open) => problem(
            check,
            State::Warning,
            format!("others can read {} files or folders, first {}", open.len(), open[0].display()),
            "the next start takes these rights away, where the files are its own",
        ),
        Err(error) => problem(
            check,
            State::Fault,
            format!("{error:#}"),
            "the program does not start like this",
        ),
    }
}

/// Reads the whole database of a service, and writes to it.
async fn database(settings: &Settings, service: &ServiceEntry) -> Finding {
    let (check, name) = ("database", service.name);
    let target = database_target(settings, name);
    if let outbox::Target::Sqlite { file } = &target
        && !file.exists()
    {
        return ok(check, format!("{name}: will be created at the first start"));
    }
    let checks = async {
        let database = outbox::Database::connect(&target).await?;
        let faults = database.check_integrity().await?;
        let missing = database.missing_migrations((service.migrations)()).await?;
        if faults.is_empty() && missing.is_empty() {
            database.write_health_check().await?;
        }
        anyhow::Ok((faults, missing))
    };
    match checks.await {
        Ok((faults, missing)) if faults.is_empty() => ok(
            check,
            match missing.len() {
                0 => format!("{name}: sound, and can be written"),
                count => format!("{name}: sound; {count} migrations come with the next start"),
            },
        ),
        Ok((faults, _)) => problem(
            check,
            State::Fault,
            format!("{name}: {target} is damaged: {}", faults.join("; ")),
            "stop the program, keep a copy, and restore a backup (docs/operations.md)",
        ),
        Err(error) => problem(
            check,
            State::Fault,
            format!("{name}: {:#}", error.context(target.to_string())),
            "is the server up, may this account write, and is there space left?",
        ),
    }
}

/// Checks that the keys open the stored tokens.
async fn sealing_keys(settings: &Settings) -> Finding {
    let check = "sealing keys";
    let source = settings.token.key_source(&generated_secrets::folder(&settings.data.dir));
    let target = database_target(settings, token::Service::NAME);
    if let outbox::Target::Sqlite { file } = &target
        && !file.exists()
    {
        return ok(check, "no token is stored yet");
    }
    match check_keys(settings).await {
        Ok(None) => ok(check, format!("{source}: is checked at the next start")),
        Ok(Some(0)) => ok(check, "no token is stored"),
        Ok(Some(_)) => ok(check, format!("{source}: opens the stored tokens")),
        Err(error) => problem(
            check,
            State::Fault,
            format!("{:#}", anyhow::Error::new(error)),
            "the program does not start like this: docs/runbooks/rotate-keys.md",
        ),
    }
}

/// Returns the number of keys that stored tokens need; none if the tables are of another release.
pub(super) async fn check_keys(settings: &Settings) -> Result<Option<usize>, token::KeyringError> {
    let source = settings.token.key_source(&generated_secrets::folder(&settings.data.dir));
    let target = database_target(settings, token::Service::NAME);
    let database = outbox::Database::connect(&target).await?;
    if !database.missing_migrations(token::Service::migrations()).await?.is_empty() {
        return Ok(None);
    }
    token::check_keys(&database, &source, &settings.token.lost_keys).await.map(Some)
}

async fn log(settings: &Settings) -> Finding {
    let check = "log";
    let Some(_) = settings.kafka.brokers else {
        return built_in_log(&log_file(&settings.data.dir)).await;
    };
    let healthy = async {
        let foundation = Foundation::build_unlocked(settings.clone())?;
        anyhow::Ok(foundation.bus().await?.check_health().await?)
    };
    match healthy.await {
        Ok(()) => ok(check, "Kafka answers"),
        Err(error) => problem(
            check,
            State::Fault,
            format!("{error:#}"),
            "check kafka.brokers, TLS and the SASL user",
        ),
    }
}

/// Reads the whole file; a program that runs goes on writing to it.
async fn built_in_log(file: &Path) -> Finding {
    let check = "log";
    if !file.exists() {
        return ok(check, "built in, will be created at the first start");
    }
    let target = outbox::Target::Sqlite { file: file.to_owned() };
    let faults = async { outbox::Database::connect(&target).await?.check_integrity().await };
    match faults.await {
        Ok(faults) if faults.is_empty() => {
            ok(check, format!("built in, sound, {}", file.display()))
        }
        Ok(faults) => problem(
            check,
            State::Fault,
            format!("{} is damaged: {}", file.display(), faults.join("; ")),
            "stop the program and move the file away: what it held is found again by polling and replay",
        ),
        Err(error) => problem(
            check,
            State::Fault,
            format!("{}: {:#}", file.display(), anyhow::Error::new(error)),
            "see the finding about the data directory",
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

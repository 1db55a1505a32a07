//! `make test`: finds or installs what it needs, checks everything, tests everything, stops the servers.

use std::process::Command;

use crate::codegen::root;
use crate::environment::Needed;
use crate::servers::Servers;
use crate::steps::{Steps, show};
use crate::{Database, codegen, contracts, deny, environment, tidy};

/// Runs everything.
pub(crate) fn run(database: Database, filter: Option<&str>) -> anyhow::Result<()> {
    let mut steps = Steps::default();
    steps.run("packages", || environment::provide(&needed(database)))?;
    if filter.is_none() {
        checks(&mut steps)?;
    }
    steps.run("build", || {
        show(cargo().args(["build", "--workspace", "--all-targets", "--quiet"]))
    })?;
    let mut servers = steps.run("servers", || Servers::start(database.engine()))?;
    let tested = steps.run("tests", || {
        show(
            cargo()
                .args(["test", "--workspace", "--no-fail-fast"])
                .args(filter)
                .envs(servers.environment())
                // Most tests wait for servers; more at once only make the processes of others wait.
                .env("RUST_TEST_THREADS", "4"),
        )
    });
    servers.stop();
    tested?;
    steps.print();
    Ok(())
}

fn checks(steps: &mut Steps) -> anyhow::Result<()> {
    steps.run("format", || show(cargo().args(["fmt", "--all", "--check"])))?;
    steps.run("structure", || tidy::run(&tidy::Options::default()))?;
    steps.run("generated code", || codegen::run(true))?;
    steps.run("compose file", tidy::compose::against_the_specification)?;
    steps.run("contracts", || contracts::run(false))?;
    steps.run("crates, licences, sources", deny::run)?;
    steps.run("lints", || {
        show(cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ]))
    })
}

fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root());
    command
}

/// What the tests need on this machine.
pub(crate) fn needed(database: Database) -> Vec<Needed> {
    let mut needed = vec![
        Needed { program: "gcc", package: "gcc", why: "librdkafka and SQLite are compiled" },
        Needed { program: "g++", package: "g++", why: "librdkafka is compiled" },
        Needed { program: "make", package: "make", why: "librdkafka is compiled" },
        Needed { program: "cmake", package: "cmake", why: "aws-lc is compiled" },
        Needed { program: "pkg-config", package: "pkg-config", why: "OpenSSL is looked for" },
        Needed {
            program: "java",
            package: "openjdk-17-jre-headless",
            why: "Apache Kafka runs on it",
        },
        Needed {
            program: "mvn",
            package: "maven",
            why: "Apache Kafka comes by its Maven coordinates",
        },
        Needed {
            program: "npm",
            package: "npm",
            why: "contracts and the compose file are checked by tools from npm",
        },
    ];
    match database {
        Database::Mariadb => needed.push(Needed {
            program: "mariadbd",
            package: "mariadb-server",
            why: "the stores are tested on it",
        }),
        Database::Mysql => needed.push(Needed {
            program: "debootstrap",
            package: "debootstrap",
            why: "MySQL comes from Debian unstable",
        }),
    }
    needed
}

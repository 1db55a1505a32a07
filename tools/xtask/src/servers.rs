//! The real servers that tests talk to: Apache Kafka, and MariaDB or MySQL.

pub(crate) mod background;
mod kafka;
mod mariadb;
mod mysql;
mod process;
mod versions;

use std::path::PathBuf;

use anyhow::Context;

use crate::command::root;
use process::ServerProcess;

/// The variable with the broker's address, for tests and for this program.
const KAFKA: &str = "PACELINE_TEST_KAFKA";

/// The variable with the URL of the SQL server, for tests and for this program.
const SQL: &str = "PACELINE_TEST_MARIADB";

/// A SQL server that tests use besides SQLite.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Engine {
    #[value(name = "mariadb")]
    MariaDb,
    #[value(name = "mysql")]
    MySql,
}

impl Engine {
    /// The name by which the command line calls it.
    fn argument(self) -> &'static str {
        match self {
            Self::MariaDb => "mariadb",
            Self::MySql => "mysql",
        }
    }
}

/// The servers, started here or given by the environment; those started here end with this value.
pub(crate) struct Servers {
    kafka: Server,
    sql: Server,
    _scratch: tempfile::TempDir,
}

/// The address of a server, and its process if it was started here.
struct Server {
    address: String,
    process: Option<ServerProcess>,
}

impl Servers {
    /// Takes the servers that the environment names and starts the others.
    ///
    /// # Errors
    ///
    /// A server does not start, or a given one does not answer.
    pub(crate) fn start(engine: Engine) -> anyhow::Result<Self> {
        let scratch = tempfile::Builder::new().prefix("paceline-servers-").tempdir()?;
        let folder = scratch.path();
        let kafka = Server::take_or_start(KAFKA, || kafka::start(folder))?;
        let sql = Server::take_or_start(SQL, || match engine {
            Engine::MariaDb => mariadb::start(folder),
            Engine::MySql => mysql::start(folder),
        })?;
        Ok(Self { kafka, sql, _scratch: scratch })
    }

    /// The variables that tests read.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 2] {
        [(KAFKA, &self.kafka.address), (SQL, &self.sql.address)]
    }

    /// Prints which servers, databases and versions the tests use.
    ///
    /// # Errors
    ///
    /// A server does not answer; the message says what to do.
    pub(crate) fn print_versions(&self) -> anyhow::Result<()> {
        let broker = self.kafka.address.split(',').next().unwrap_or_default();
        versions::connect(broker).with_context(|| {
            format!("Kafka does not answer: start it, or unset {KAFKA} to have one started")
        })?;
        let kafka = match &self.kafka.process {
            Some(_) => format!("Apache Kafka {} at {broker}", kafka::version()?),
            None => format!("Kafka, version unknown, at {broker}, given by {KAFKA}"),
        };
        let sql = versions::read_sql_version(&self.sql.address).with_context(|| {
            format!("the SQL server does not answer: start it, or unset {SQL} to have one started")
        })?;
        eprintln!("{kafka}\n{sql}\n{}", versions::read_sqlite_version()?);
        Ok(())
    }
}

impl Server {
    fn take_or_start(
        variable: &str,
        start: impl FnOnce() -> anyhow::Result<(String, ServerProcess)>,
    ) -> anyhow::Result<Self> {
        if let Some(address) = read_variable(variable) {
            return Ok(Self { address, process: None });
        }
        let (address, process) = start()?;
        Ok(Self { address, process: Some(process) })
    }
}

fn read_variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "brokers and databases may be given by environment"
    )]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The folder that keeps downloaded parts between runs.
fn cache() -> PathBuf {
    root().join("target/test-servers")
}

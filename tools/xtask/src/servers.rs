//! The real servers that tests talk to: Apache Kafka, MariaDB, and MySQL on request.

mod kafka;
mod mariadb;
mod mysql;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::codegen::root;

/// Which SQL server the tests use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    MariaDb,
    MySql,
}

/// The servers, started or found; those we started end when this is dropped.
pub(crate) struct Servers {
    pub(crate) kafka: String,
    pub(crate) sql: String,
    started: Vec<Owned>,
    _scratch: tempfile::TempDir,
}

impl Servers {
    /// Finds the servers named by the environment and starts those that are not.
    pub(crate) fn start(engine: Engine) -> anyhow::Result<Self> {
        let scratch = tempfile::Builder::new().prefix("paceline-servers-").tempdir()?;
        let mut started = Vec::new();
        let kafka = match given("PACELINE_TEST_KAFKA") {
            Some(address) => address,
            None => {
                let (address, owned) = kafka::start(scratch.path())?;
                started.push(owned);
                address
            }
        };
        let sql = match given("PACELINE_TEST_MARIADB") {
            Some(url) => url,
            None => {
                let (url, owned) = match engine {
                    Engine::MariaDb => mariadb::start(scratch.path())?,
                    Engine::MySql => mysql::start(scratch.path())?,
                };
                started.push(owned);
                url
            }
        };
        Ok(Self { kafka, sql, started, _scratch: scratch })
    }

    /// What tests must be told.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 2] {
        [("PACELINE_TEST_KAFKA", &self.kafka), ("PACELINE_TEST_MARIADB", &self.sql)]
    }

    /// Ends what was started.
    pub(crate) fn stop(&mut self) {
        self.started.clear();
    }
}

/// A server process of ours; it ends with this value.
pub(crate) struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn given(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "brokers and databases may be given by environment"
    )]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A port nobody listens on.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Starts a server with its output in a file.
fn spawn(command: &mut Command, log: &Path) -> anyhow::Result<Owned> {
    let output =
        std::fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let child = command
        .stdin(std::process::Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    Ok(Owned(child))
}

/// Waits until the port answers, and says what the server said when it does not.
fn wait_for_port(owned: &mut Owned, port: u16, log: &Path) -> anyhow::Result<()> {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(90) {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        if let Some(status) = owned.0.try_wait()? {
            bail!("the server ended with {status}; it said:\n{}", tail(log));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("nothing answers on port {port} after 90 s; the server said:\n{}", tail(log))
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}

/// Runs a command to its end and fails with what it printed.
pub(crate) fn must(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    if !output.status.success() {
        bail!("{:?} ended with {}:\n{said}", command, output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Where downloaded parts are kept between runs.
fn cache() -> PathBuf {
    root().join("target/test-servers")
}

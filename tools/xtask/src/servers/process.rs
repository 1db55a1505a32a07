//! The process of a server.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Maximum time until a started server answers.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// A server process; it is killed, and its data removed, when this value is dropped.
pub(super) struct ServerProcess {
    child: Child,
    /// A folder to remove after the process has ended.
    data: Option<tempfile::TempDir>,
}

impl ServerProcess {
    /// Starts a server with its output in a file.
    pub(super) fn spawn(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let output = std::fs::File::create(log)
            .with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self { child, data: None })
    }

    /// Hands over a folder that is removed when the process has ended.
    pub(super) fn with_data(mut self, folder: tempfile::TempDir) -> Self {
        self.data = Some(folder);
        self
    }

    /// Waits until the port answers.
    ///
    /// # Errors
    ///
    /// The server ended, or does not answer in time; the error holds the end of its output.
    pub(super) fn wait_for_port(&mut self, port: u16, log: &Path) -> anyhow::Result<()> {
        let start = Instant::now();
        while start.elapsed() < START_TIMEOUT {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}; its output:\n{}", read_tail(log));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        bail!(
            "nothing answers on port {port} after {} s; the server's output:\n{}",
            START_TIMEOUT.as_secs(),
            read_tail(log)
        )
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.data.take();
    }
}

/// Finds a port on which nobody listens.
pub(super) fn find_free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Reads the last 25 lines of a log.
pub(super) fn read_tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}

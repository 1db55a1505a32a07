//! A process under test.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdout_lines: mpsc::UnboundedReceiver<String>,
    output: Arc<Mutex<String>>,
}

impl Process {
    /// Starts a program with arguments, and environment variables in addition to those of the test.
    pub fn start<'a>(
        program: impl AsRef<Path>,
        arguments: impl IntoIterator<Item = &'a str>,
        environment: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut command = Command::new(program.as_ref());
        command.args(arguments).envs(environment);
        Self::spawn(command)
    }

    /// Starts a command.
    pub fn spawn(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let output = Arc::new(Mutex::new(String::new()));
        let (lines, stdout_lines) = mpsc::unbounded_channel();
        spawn_reader(child.stdout.take().expect("standard output"), output.clone(), Some(lines));
        spawn_reader(child.stderr.take().expect("standard error"), output.clone(), None);
        Self { child, stdout_lines, output }
    }

    /// Returns the next line of standard output.
    pub async fn next_line(&mut self, within: Duration) -> String {
        let next = tokio::time::timeout(within, self.stdout_lines.recv()).await;
        let next = next
            .unwrap_or_else(|_| panic!("no line within {within:?}; output:\n{}", self.output()));
        next.unwrap_or_else(|| {
            panic!("the program ended without another line; output:\n{}", self.output())
        })
    }

    /// Returns the ready line: the next line of standard output that is a JSON object.
    pub async fn wait_until_ready(&mut self, within: Duration) -> serde_json::Value {
        let started = std::time::Instant::now();
        loop {
            let line = self.next_line(within.saturating_sub(started.elapsed())).await;
            if let Ok(ready @ serde_json::Value::Object(_)) = serde_json::from_str(&line) {
                return ready;
            }
        }
    }

    /// Returns the process id while the program runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Returns everything written so far to standard output and standard error.
    pub fn output(&self) -> String {
        self.output.lock().expect("the output").clone()
    }

    /// Returns true while the program runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// Sends SIGKILL and waits for the exit.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// Sends SIGTERM.
    pub async fn terminate(&self) {
        self.send_signal("TERM").await;
    }

    /// Sends SIGSTOP: the program is suspended until [`Process::resume`].
    pub async fn pause(&self) {
        self.send_signal("STOP").await;
    }

    /// Sends SIGCONT.
    pub async fn resume(&self) {
        self.send_signal("CONT").await;
    }

    /// Waits until the program exits.
    pub async fn wait_for_exit(&mut self, within: Duration) -> ExitStatus {
        let exit = tokio::time::timeout(within, self.child.wait()).await;
        exit.unwrap_or_else(|_| {
            panic!("the program did not end within {within:?}; output:\n{}", self.output())
        })
        .expect("its exit status")
    }

    async fn send_signal(&self, name: &str) {
        let Some(id) = self.child.id() else {
            return;
        };
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status().await;
        assert!(status.expect("kill").success(), "SIG{name} could not be sent");
    }
}

/// Spawns a task that reads a pipe until the program ends.
fn spawn_reader(
    pipe: impl AsyncRead + Unpin + Send + 'static,
    output: Arc<Mutex<String>>,
    lines: Option<mpsc::UnboundedSender<String>>,
) {
    #[expect(clippy::disallowed_methods, reason = "the reader ends with the process under test")]
    tokio::spawn(async move {
        let mut reader = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = reader.next_line().await {
            {
                let mut output = output.lock().expect("the output");
                output.push_str(&line);
                output.push('\n');
            }
            if let Some(lines) = &lines {
                drop(lines.send(line));
            }
        }
    });
}

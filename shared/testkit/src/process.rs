//! A real program under test: started, read, stopped, paused and killed.

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
    out: mpsc::UnboundedReceiver<String>,
    seen: Arc<Mutex<String>>,
}

impl Process {
    /// Starts a program with arguments and environment variables (added to the test's own).
    pub fn start<'a>(
        program: impl AsRef<Path>,
        arguments: impl IntoIterator<Item = &'a str>,
        environment: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let mut command = Command::new(program.as_ref());
        command.args(arguments).envs(environment);
        Self::spawn(command)
    }

    /// Starts a command that was prepared by hand.
    pub fn spawn(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let seen = Arc::new(Mutex::new(String::new()));
        let (lines, out) = mpsc::unbounded_channel();
        read(child.stdout.take().expect("standard output"), seen.clone(), Some(lines));
        read(child.stderr.take().expect("standard error"), seen.clone(), None);
        Self { child, out, seen }
    }

    /// The next line on standard output.
    pub async fn next_line(&mut self, within: Duration) -> String {
        let next = tokio::time::timeout(within, self.out.recv()).await;
        let next = next
            .unwrap_or_else(|_| panic!("no line within {within:?}; it wrote:\n{}", self.output()));
        next.unwrap_or_else(|| {
            panic!("the program ended without another line; it wrote:\n{}", self.output())
        })
    }

    /// The ready line: the next line on standard output that is a JSON object; others are passed over.
    pub async fn wait_until_ready(&mut self, within: Duration) -> serde_json::Value {
        let started = std::time::Instant::now();
        loop {
            let line = self.next_line(within.saturating_sub(started.elapsed())).await;
            if let Ok(ready @ serde_json::Value::Object(_)) = serde_json::from_str(&line) {
                return ready;
            }
        }
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Everything it wrote so far, on both outputs.
    pub fn output(&self) -> String {
        self.seen.lock().expect("the output").clone()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// SIGKILL, and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// SIGTERM: please stop.
    pub async fn terminate(&self) {
        self.signal("TERM").await;
    }

    /// SIGSTOP: stands still until [`Process::resume`].
    pub async fn pause(&self) {
        self.signal("STOP").await;
    }

    /// SIGCONT.
    pub async fn resume(&self) {
        self.signal("CONT").await;
    }

    /// Waits until it has ended by itself.
    pub async fn wait_for_exit(&mut self, within: Duration) -> ExitStatus {
        let ended = tokio::time::timeout(within, self.child.wait()).await;
        ended
            .unwrap_or_else(|_| {
                panic!("it did not end within {within:?}; it wrote:\n{}", self.output())
            })
            .expect("its exit status")
    }

    async fn signal(&self, name: &str) {
        let Some(id) = self.child.id() else {
            return;
        };
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(id.to_string()).status().await;
        assert!(status.expect("kill").success(), "SIG{name} could not be sent");
    }
}

/// Reads until the end; the task ends with the pipe, that is with the program.
fn read(
    pipe: impl AsyncRead + Unpin + Send + 'static,
    seen: Arc<Mutex<String>>,
    lines: Option<mpsc::UnboundedSender<String>>,
) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's reader belongs to its process, not to a program"
    )]
    tokio::spawn(async move {
        let mut reader = BufReader::new(pipe).lines();
        while let Ok(Some(line)) = reader.next_line().await {
            {
                let mut seen = seen.lock().expect("the output");
                seen.push_str(&line);
                seen.push('\n');
            }
            if let Some(lines) = &lines {
                drop(lines.send(line));
            }
        }
    });
}

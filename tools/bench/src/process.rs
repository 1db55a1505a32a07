//! A program under measurement: start, readiness, CPU and memory from /proc, stop.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Maximum time until the ready line.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// Maximum time to wait for idleness; the run goes on after it.
const IDLE_TIMEOUT: Duration = Duration::from_mins(2);
/// Fraction of a core up to which a program counts as idle.
const IDLE_CPU: f64 = 0.06;
/// Unit of CPU times in /proc.
const TICKS_PER_S: f64 = 100.0;

/// A running program; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: u32,
    /// Its ready line.
    pub(crate) ready: Value,
    /// Time from the spawn to the ready line.
    pub(crate) started_in: Duration,
    /// File of its standard error.
    log: PathBuf,
    /// Reads its standard output to the end.
    _reader: JoinSet<()>,
}

impl Process {
    /// Starts a program and waits for the JSON line that says it is ready.
    pub(crate) async fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let errors = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).kill_on_drop(true);
        // the addresses of test servers are not settings
        command.env_remove("PACELINE_TEST_KAFKA").env_remove("PACELINE_TEST_MARIADB");
        let began = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let pid = child.id().context("the program ended at once")?;
        let stdout = child.stdout.take().context("the program has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let waiting = async {
            loop {
                let line = lines.next_line().await?;
                let line = line.with_context(|| format!("it ended: {}", last_lines(log)))?;
                if let Ok(ready @ Value::Object(_)) = serde_json::from_str(&line) {
                    return anyhow::Ok(ready);
                }
            }
        };
        let ready = timeout(START_TIMEOUT, waiting)
            .await
            .with_context(|| format!("not ready: {}", last_lines(log)))??;
        let started_in = began.elapsed();
        let mut reader = JoinSet::new();
        reader.spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, pid, ready, started_in, log: log.to_owned(), _reader: reader })
    }

    /// A field of the ready line.
    pub(crate) fn ready_field(&self, field: &str) -> anyhow::Result<&str> {
        self.ready[field]
            .as_str()
            .with_context(|| format!("the ready line has no {field}: {}", self.ready))
    }

    /// CPU time used so far.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let ticks = parse_ticks(&stat).context("/proc/PID/stat has an unknown form")?;
        Ok(Duration::from_secs_f64(ticks as f64 / TICKS_PER_S))
    }

    /// Fraction of a core used from now on, over a span of time.
    pub(crate) async fn cpu_share(&self, span: Duration) -> anyhow::Result<f64> {
        let (before, began) = (self.cpu_time()?, Instant::now());
        sleep(span).await;
        Ok(self.cpu_time()?.saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64())
    }

    /// Resident memory in MiB.
    pub(crate) fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line
            .and_then(|line| line.split_whitespace().next())
            .and_then(|kib| kib.parse::<f64>().ok());
        Ok(kib.context("/proc/PID/status has no VmRSS")? / 1024.0)
    }

    /// Size of its log in MiB.
    pub(crate) fn logged_mib(&self) -> anyhow::Result<f64> {
        Ok(std::fs::metadata(&self.log)?.len() as f64 / f64::from(1 << 20))
    }

    /// Waits until it is idle.
    pub(crate) async fn wait_until_idle(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        while began.elapsed() < IDLE_TIMEOUT
            && self.cpu_share(Duration::from_millis(400)).await? > IDLE_CPU
        {}
        Ok(())
    }

    /// Sends SIGTERM and waits for the end; kills it after 20 seconds.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").arg("-TERM").arg(self.pid.to_string()).status().await?;
        if timeout(Duration::from_secs(20), self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}

/// Parses user and system time in ticks: fields 14 and 15; the name before them may contain anything.
fn parse_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 100 0 0 0 31 11 0 0 20 0 9 0 1 1 1";
        assert_eq!(parse_ticks(stat), Some(42));
    }
}

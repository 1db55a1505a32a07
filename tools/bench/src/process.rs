//! A program under measurement: started, waited for, weighed by /proc, stopped.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long a start may take.
const START: Duration = Duration::from_mins(1);
/// How long working off may take before we go on regardless.
const SETTLE: Duration = Duration::from_mins(2);
/// Less than this share of a core counts as having nothing to do.
const QUIET: f64 = 0.06;
/// The kernel tells times in /proc in hundredths of a second.
const TICKS_PER_S: f64 = 100.0;

/// A running program; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: u32,
    /// Its ready line.
    pub(crate) ready: Value,
    /// From the spawn to the ready line.
    pub(crate) started_in: Duration,
    /// What it writes to standard error.
    log: PathBuf,
    /// Reads its standard output to the end.
    _reader: JoinSet<()>,
}

impl Process {
    /// Starts a program and waits for the JSON line that says it is ready.
    pub(crate) async fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let errors = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).kill_on_drop(true);
        // Addresses for tests are no settings.
        command.env_remove("PACELINE_TEST_KAFKA").env_remove("PACELINE_TEST_MARIADB");
        let began = Instant::now();
        let mut child = command.spawn().with_context(|| format!("{command:?} does not start"))?;
        let pid = child.id().context("the program ended at once")?;
        let stdout = child.stdout.take().context("the program has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let waiting = async {
            loop {
                let line = lines.next_line().await?;
                let line = line.with_context(|| format!("it ended: {}", tail(log)))?;
                if let Ok(ready @ Value::Object(_)) = serde_json::from_str(&line) {
                    return anyhow::Ok(ready);
                }
            }
        };
        let ready = timeout(START, waiting)
            .await
            .with_context(|| format!("not ready: {}", tail(log)))??;
        let started_in = began.elapsed();
        let mut reader = JoinSet::new();
        reader.spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, pid, ready, started_in, log: log.to_owned(), _reader: reader })
    }

    /// A field of the ready line.
    pub(crate) fn said(&self, field: &str) -> anyhow::Result<&str> {
        self.ready[field]
            .as_str()
            .with_context(|| format!("the ready line has no {field}: {}", self.ready))
    }

    /// The CPU time it has used.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let ticks = ticks(&stat).context("/proc/…/stat is not what we expect")?;
        Ok(Duration::from_secs_f64(ticks as f64 / TICKS_PER_S))
    }

    /// Which share of a core it uses from now on, over this span.
    pub(crate) async fn cpu_share(&self, span: Duration) -> anyhow::Result<f64> {
        let (before, began) = (self.cpu()?, Instant::now());
        sleep(span).await;
        Ok(self.cpu()?.saturating_sub(before).as_secs_f64() / began.elapsed().as_secs_f64())
    }

    /// Its resident memory in MiB.
    pub(crate) fn resident_mib(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line
            .and_then(|line| line.split_whitespace().next())
            .and_then(|kib| kib.parse::<f64>().ok());
        Ok(kib.context("/proc/…/status has no VmRSS")? / 1024.0)
    }

    /// How much it has logged, in MiB.
    pub(crate) fn logged_mib(&self) -> anyhow::Result<f64> {
        Ok(std::fs::metadata(&self.log)?.len() as f64 / f64::from(1 << 20))
    }

    /// Waits until it has nothing more to do.
    pub(crate) async fn settle(&self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        while began.elapsed() < SETTLE && self.cpu_share(Duration::from_millis(400)).await? > QUIET
        {
        }
        Ok(began.elapsed())
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").arg("-TERM").arg(self.pid.to_string()).status().await?;
        if timeout(Duration::from_secs(20), self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}

/// User and system time in ticks: the fourteenth and fifteenth field, the name before them may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn tail(log: &Path) -> String {
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
        assert_eq!(ticks(stat), Some(42));
    }
}

//! `cargo xtask servers`: keeps the servers, in the foreground or in the background, and prints what to export.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};

use super::process::read_tail;
use super::{Engine, KAFKA, SQL, Servers, cache};
use crate::{command, packages};

/// The variable with the process id of the program that keeps the servers.
const PID: &str = "PACELINE_TEST_SERVERS_PID";

/// Maximum time until servers in the background have ended.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Starts the servers, prints `export …` lines on standard output, and keeps the servers until a signal comes.
pub(crate) fn hold(engine: Engine) -> anyhow::Result<()> {
    packages::install_missing(&packages::list_for_servers(engine))?;
    let servers = Servers::start(engine)?;
    servers.print_versions()?;
    let [kafka, sql] = servers.environment().map(format_export);
    print(&format!("{kafka}\n{sql}\nexport {PID}={}\n", std::process::id()))?;
    eprintln!("the servers run until ctrl-c; for eval use `cargo xtask servers --background`");
    wait_for_signal()
}

/// Formats a line for the shell; quotes let a password hold any character.
fn format_export((name, value): (&str, &str)) -> String {
    format!("export {name}='{}'", value.replace('\'', r"'\''"))
}

/// Starts the servers in a process of their own, unless they run already, and prints their `export …` lines.
pub(crate) fn start(engine: Engine) -> anyhow::Result<()> {
    let files = StateFiles::new()?;
    if let Some(exports) = files.lock_exports()? {
        packages::install_missing(&packages::list_for_servers(engine))?;
        exports.set_len(0)?;
        let mut keeper = files.spawn_keeper(engine, exports)?;
        files.wait_for_exports(&mut keeper)?;
        eprint!("{}", std::fs::read_to_string(&files.log)?);
    }
    eprintln!("the servers run in the background; `cargo xtask servers --stop` ends them");
    print(&std::fs::read_to_string(&files.exports)?)
}

/// Ends the servers in the background and prints `unset …` for what was exported.
pub(crate) fn stop() -> anyhow::Result<()> {
    let files = StateFiles::new()?;
    if files.lock_exports()?.is_some() {
        eprintln!("no servers run in the background");
    } else {
        files.end_keeper()?;
    }
    print(&format!("unset {KAFKA} {SQL} {PID}\n"))
}

/// The files through which the process in the background is found again.
struct StateFiles {
    /// The standard output of that process, which is locked as long as it lives.
    exports: PathBuf,
    log: PathBuf,
}

impl StateFiles {
    fn new() -> anyhow::Result<Self> {
        std::fs::create_dir_all(cache())?;
        Ok(Self { exports: cache().join("background.env"), log: cache().join("background.log") })
    }

    /// Opens and locks the file of exports; none if a process in the background holds it.
    fn lock_exports(&self) -> anyhow::Result<Option<File>> {
        let file = File::options().create(true).append(true).open(&self.exports)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Runs [`hold`] in another process and process group, so that neither ctrl-c nor a closed pipe ends it.
    fn spawn_keeper(&self, engine: Engine, exports: File) -> anyhow::Result<Child> {
        let program = std::env::current_exe()?;
        Command::new(&program)
            .args(["servers", "--database", engine.argument()])
            .stdin(Stdio::null())
            .stdout(exports)
            .stderr(File::create(&self.log)?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))
    }

    fn wait_for_exports(&self, keeper: &mut Child) -> anyhow::Result<()> {
        while parse_pid(&std::fs::read_to_string(&self.exports)?).is_none() {
            if let Some(status) = keeper.try_wait()? {
                bail!("the servers did not start ({status}):\n{}", read_tail(&self.log));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    fn end_keeper(&self) -> anyhow::Result<()> {
        let exports = std::fs::read_to_string(&self.exports)?;
        let pid = parse_pid(&exports).context("the servers are still starting: try again")?;
        command::capture(Command::new("sh").args(["-c", &format!("kill -TERM {pid}")]))?;
        let start = Instant::now();
        while self.lock_exports()?.is_none() {
            if start.elapsed() > STOP_TIMEOUT {
                bail!("process {pid} does not end: end its group with `kill -KILL -- -{pid}`");
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

/// Finds the process id in complete `export …` lines.
fn parse_pid(exports: &str) -> Option<&str> {
    let lines = exports.strip_suffix('\n')?;
    lines
        .lines()
        .find_map(|line| line.strip_prefix("export ")?.strip_prefix(PID)?.strip_prefix('='))
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes())?;
    Ok(output.flush()?)
}

fn wait_for_signal() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_with_a_quote_survives_the_shell() {
        let line = format_export(("URL", "mysql://root:it's@127.0.0.1/"));
        let script = format!("{line}; printf %s \"$URL\"");
        let printed = command::capture(Command::new("sh").args(["-c", &script])).unwrap();
        assert_eq!(printed, "mysql://root:it's@127.0.0.1/");
    }

    #[test]
    fn a_process_id_counts_only_on_a_complete_line() {
        let exports = "export PACELINE_TEST_KAFKA=127.0.0.1:1\nexport PACELINE_TEST_SERVERS_PID=42";
        assert_eq!(parse_pid(exports), None);
        assert_eq!(parse_pid(&format!("{exports}\n")), Some("42"));
    }
}

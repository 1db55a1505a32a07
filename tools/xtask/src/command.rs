//! Running other programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// The project's root: two folders above this crate.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A call of cargo in the project's root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root()).args(arguments);
    command
}

/// Runs a command to its end and lets its output through.
///
/// # Errors
///
/// The program is missing or fails.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !status.success() {
        bail!("`{}` ended with {status}", command_line(command));
    }
    Ok(())
}

/// Runs a command to its end and returns its standard output.
///
/// # Errors
///
/// The program is missing or fails; the error holds all of its output.
pub(crate) fn capture(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "`{}` ended with {}:\n{text}{}",
            command_line(command),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(text)
}

/// Installs packages of npm into a folder of `target/tools`, once, and returns the folder.
pub(crate) fn npm_packages(name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let folder = root().join("target/tools").join(name);
    let complete = folder.join(".complete");
    if std::fs::read_to_string(&complete).unwrap_or_default() != packages.join(" ") {
        std::fs::create_dir_all(&folder)?;
        capture(
            Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"])
                .arg("--prefix")
                .arg(&folder)
                .args(packages),
        )?;
        std::fs::write(&complete, packages.join(" "))?;
    }
    Ok(folder)
}

/// Installs packages of pip into an environment in `target/tools`, once.
pub(crate) fn pip_packages(name: &str, packages: &[&str]) -> anyhow::Result<()> {
    let folder = root().join("target/tools").join(name);
    let complete = folder.join(".complete");
    if std::fs::read_to_string(&complete).unwrap_or_default() != packages.join(" ") {
        capture(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        capture(
            Command::new(folder.join("bin/pip"))
                .args(["install", "--quiet", "--disable-pip-version-check"])
                .args(packages),
        )?;
        std::fs::write(&complete, packages.join(" "))?;
    }
    Ok(())
}

fn command_line(command: &Command) -> String {
    let mut line = command.get_program().display().to_string();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

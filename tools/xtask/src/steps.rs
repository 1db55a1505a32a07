//! Named steps with their time, so that a slow one is seen.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// The steps of one run.
#[derive(Default)]
pub(crate) struct Steps {
    took: Vec<(String, Duration)>,
}

impl Steps {
    /// Runs one step.
    pub(crate) fn run<T>(
        &mut self,
        name: &str,
        step: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        eprintln!("\n── {name}");
        let began = Instant::now();
        let outcome = step().with_context(|| format!("step failed: {name}"));
        self.took.push((name.to_owned(), began.elapsed()));
        if outcome.is_err() {
            self.print();
        }
        outcome
    }

    /// Says how long each step took.
    pub(crate) fn print(&self) {
        eprintln!("\n── minutes by step");
        for (name, took) in &self.took {
            eprintln!("{:>7.1} s  {name}", took.as_secs_f64());
        }
        let sum: Duration = self.took.iter().map(|(_, took)| *took).sum();
        eprintln!("{:>7.1} s  in all", sum.as_secs_f64());
    }
}

/// Runs a command with its output shown, and fails when it fails.
pub(crate) fn show(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

fn line(command: &Command) -> String {
    let mut line = command.get_program().display().to_string();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

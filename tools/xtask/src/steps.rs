//! Named steps and the time each takes.

use std::time::{Duration, Instant};

use anyhow::Context;

/// The steps of one run.
#[derive(Default)]
pub(crate) struct Steps {
    durations: Vec<(String, Duration)>,
}

impl Steps {
    /// Runs one step; if it fails, prints the time of all steps so far.
    pub(crate) fn run<T>(
        &mut self,
        name: &str,
        step: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        eprintln!("\n── {name}");
        let start = Instant::now();
        let result = step().with_context(|| format!("step failed: {name}"));
        self.durations.push((name.to_owned(), start.elapsed()));
        if result.is_err() {
            self.print();
        }
        result
    }

    /// Prints the time that each step took.
    pub(crate) fn print(&self) {
        eprintln!("\n── time by step");
        for (name, duration) in &self.durations {
            eprintln!("{:>7.1} s  {name}", duration.as_secs_f64());
        }
        let total: Duration = self.durations.iter().map(|(_, duration)| *duration).sum();
        eprintln!("{:>7.1} s  in all", total.as_secs_f64());
    }
}

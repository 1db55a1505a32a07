//! What a run found, as Markdown.

use std::fmt;
use std::io::Write;

/// Figures against goals, further tables, remarks.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
    tables: Vec<String>,
    remarks: Vec<String>,
}

#[derive(Debug)]
struct Figure {
    what: String,
    goal: String,
    measured: String,
    kept: Option<bool>,
}

impl Report {
    /// A figure; `kept`: whether it meets its goal, if it has one.
    pub(crate) fn figure(
        &mut self,
        what: impl Into<String>,
        goal: &str,
        measured: impl Into<String>,
        kept: Option<bool>,
    ) {
        self.figures.push(Figure {
            what: what.into(),
            goal: goal.to_owned(),
            measured: measured.into(),
            kept,
        });
    }

    /// A table of its own.
    pub(crate) fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        let mut lines = vec![row(head), row(&vec!["---"; head.len()])];
        lines.extend(
            rows.iter().map(|cells| row(&cells.iter().map(String::as_str).collect::<Vec<_>>())),
        );
        self.tables.push(lines.join("\n"));
    }

    /// Something to know about a figure.
    pub(crate) fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }

    /// What it was measured on, and how busy that was.
    pub(crate) fn machine(&mut self) {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let model = model.map_or("unknown", |(_, model)| model);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        self.remark(format!("{cores} cores ({model}), loopback, load average at the end {load}."));
    }

    /// Takes another report in.
    pub(crate) fn add(&mut self, other: Self) {
        self.figures.extend(other.figures);
        self.tables.extend(other.tables);
        self.remarks.extend(other.remarks);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.figures.is_empty() {
            writeln!(f, "{}", row(&["figure", "goal", "measured", "kept"]))?;
            writeln!(f, "{}", row(&["---"; 4]))?;
        }
        for figure in &self.figures {
            let kept = match figure.kept {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "",
            };
            writeln!(f, "{}", row(&[&figure.what, &figure.goal, &figure.measured, kept]))?;
        }
        for table in &self.tables {
            writeln!(f, "\n{table}")?;
        }
        if !self.remarks.is_empty() {
            writeln!(f)?;
        }
        for remark in &self.remarks {
            writeln!(f, "- {remark}")?;
        }
        Ok(())
    }
}

fn row(cells: &[&str]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// Prints a result.
pub(crate) fn say(line: impl fmt::Display) {
    // A reader that has left needs no line.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints how far a run has come, away from the result.
pub(crate) fn progress(line: impl fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "… {line}");
}

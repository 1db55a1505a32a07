//! The results of a run, as Markdown.

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
    name: String,
    goal: String,
    measured: String,
    met: Option<bool>,
}

impl Report {
    /// Adds a figure; `met` is `None` if it has no goal.
    pub(crate) fn add_figure(
        &mut self,
        name: impl Into<String>,
        goal: &str,
        measured: impl Into<String>,
        met: Option<bool>,
    ) {
        self.figures.push(Figure {
            name: name.into(),
            goal: goal.to_owned(),
            measured: measured.into(),
            met,
        });
    }

    /// Adds a separate table.
    pub(crate) fn add_table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        let mut lines = vec![format_row(head), format_row(&vec!["---"; head.len()])];
        lines.extend(
            rows.iter()
                .map(|cells| format_row(&cells.iter().map(String::as_str).collect::<Vec<_>>())),
        );
        self.tables.push(lines.join("\n"));
    }

    /// Adds a remark about the figures.
    pub(crate) fn add_remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }

    /// Adds a remark on the machine and its load.
    pub(crate) fn add_machine(&mut self) {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let model = model.map_or("unknown", |(_, model)| model);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        self.add_remark(format!(
            "{cores} cores ({model}), loopback, load average at the end {load}."
        ));
    }

    /// Appends another report.
    pub(crate) fn append(&mut self, other: Self) {
        self.figures.extend(other.figures);
        self.tables.extend(other.tables);
        self.remarks.extend(other.remarks);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.figures.is_empty() {
            writeln!(f, "{}", format_row(&["figure", "goal", "measured", "kept"]))?;
            writeln!(f, "{}", format_row(&["---"; 4]))?;
        }
        for figure in &self.figures {
            let met = match figure.met {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "",
            };
            writeln!(f, "{}", format_row(&[&figure.name, &figure.goal, &figure.measured, met]))?;
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

fn format_row(cells: &[&str]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// Prints a line of the result to standard output.
pub(crate) fn print_line(line: impl fmt::Display) {
    // a closed pipe is no failure
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints the progress of a run to standard error.
pub(crate) fn print_progress(line: impl fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "… {line}");
}

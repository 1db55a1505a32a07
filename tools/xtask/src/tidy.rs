//! Checks that clippy and cargo-deny do not have: file sizes, layers, names, compose parity.

pub(crate) mod compose;
mod definitions;
mod doc_openings;
mod import_circles;
mod layers;
mod module_tree;
mod retired_names;
mod service_list;
mod sources;
mod transaction_faults;
mod walkthrough;

use std::path::PathBuf;

use anyhow::bail;

use crate::command::root;
use sources::SourceFile;

/// Maximum number of lines of a file outside tests.
const MAX_LINES: usize = 400;

/// Names in ARCHITECTURE.md that do not exist are faults, also without `--walkthrough`.
const REFUSE_STALE_NAMES: bool = true;

/// The choices of `cargo xtask tidy`.
#[derive(Default, clap::Args)]
pub(crate) struct Options {
    /// Take the retired names from this file instead of tools/xtask/retired-names.txt.
    #[arg(long, value_name = "FILE", hide = true)]
    retired_names: Option<PathBuf>,
    /// Also refuse names in ARCHITECTURE.md that do not exist.
    #[arg(long)]
    walkthrough: bool,
}

/// Checks the whole tree and prints every fault found.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut faults = Vec::new();
    let sources = sources::read_sources(&root())?;
    for source in sources.iter().filter(|source| !source.is_test() && !source.is_generated()) {
        check_length(source, &mut faults);
        layers::check(source, &mut faults);
    }
    let list = options.retired_names.clone().unwrap_or_else(|| root().join(retired_names::LIST));
    retired_names::check(&sources, &list, &mut faults)?;
    import_circles::check(&sources, &mut faults);
    if REFUSE_STALE_NAMES || options.walkthrough {
        walkthrough::check(&root(), &sources, &mut faults)?;
    }
    doc_openings::check(&sources, &mut faults)?;
    transaction_faults::check(&root(), &sources, &mut faults)?;
    let services = service_list::list_services(&sources)?;
    compose::check(&services, &mut faults)?;
    service_list::check(&root(), &services, &sources, &mut faults)?;
    if faults.is_empty() {
        return Ok(());
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    bail!("{} faults in the structure", faults.len())
}

fn check_length(source: &SourceFile, faults: &mut Vec<String>) {
    let lines = source.text.lines().count();
    if lines > MAX_LINES {
        faults.push(format!(
            "{}: {lines} lines, the maximum is {MAX_LINES}: split it",
            source.path.display()
        ));
    }
}

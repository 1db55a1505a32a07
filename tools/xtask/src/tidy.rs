//! What clippy and cargo-deny cannot say: file sizes, directions between modules, compose parity.

pub(crate) mod compose;
mod directions;

use std::path::{Path, PathBuf};

use anyhow::bail;

use crate::codegen::root;

/// The longest a file outside tests may be.
const MAX_LINES: usize = 400;

/// Checks the whole tree and lists every fault found.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut faults = Vec::new();
    for file in sources(&root())? {
        let text = std::fs::read_to_string(&file)?;
        let name = file.strip_prefix(root()).unwrap_or(&file).to_owned();
        if outside_tests(&name) {
            too_long(&name, &text, &mut faults);
            directions::check(&name, &text, &mut faults)?;
        }
    }
    compose::check(&mut faults)?;
    if faults.is_empty() {
        return Ok(());
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    bail!("{} faults in the structure", faults.len())
}

fn outside_tests(name: &Path) -> bool {
    !name.components().any(|part| {
        ["tests", "generated", "benches", "examples"].iter().any(|skip| part.as_os_str() == *skip)
    })
}

fn too_long(name: &Path, text: &str, faults: &mut Vec<String>) {
    let lines = text.lines().count();
    if lines > MAX_LINES {
        faults.push(format!("{}: {lines} lines, the cap is {MAX_LINES}: split it", name.display()));
    }
}

fn sources(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["shared", "services", "tools"].iter().map(|part| root.join(part)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

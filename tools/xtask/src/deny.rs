//! cargo-deny: crate boundaries, licences, sources; advisories where their database can be reached.

use std::path::PathBuf;
use std::process::Command;

use crate::codegen::root;
use crate::steps::show;

/// The version we hold ourselves to.
const VERSION: &str = "0.20.2";

/// Installs cargo-deny when it is missing and runs the checks.
pub(crate) fn run() -> anyhow::Result<()> {
    let tool = tool()?;
    show(Command::new(&tool).current_dir(root()).args(["check", "bans", "licenses", "sources"]))?;
    let advisories =
        Command::new(&tool).current_dir(root()).args(["check", "advisories"]).output()?;
    let said = String::from_utf8_lossy(&advisories.stderr);
    if advisories.status.success() {
        eprintln!("advisories ok");
    } else if said.contains("failed to fetch") || said.contains("advisory database") {
        eprintln!("advisories NOT RUN: the advisory database cannot be reached from here");
    } else {
        eprint!("{said}");
        anyhow::bail!("cargo deny found advisories");
    }
    Ok(())
}

fn tool() -> anyhow::Result<PathBuf> {
    let folder = root().join("target/tools");
    let tool = folder.join("bin/cargo-deny");
    if !tool.exists() {
        show(
            Command::new("cargo")
                .args([
                    "install",
                    "cargo-deny",
                    "--quiet",
                    "--locked",
                    "--profile",
                    "dev",
                    "--version",
                    VERSION,
                    "--root",
                ])
                .arg(&folder)
                .env("CARGO_TARGET_DIR", folder.join("build")),
        )?;
        // Only the program is kept: its build is a gigabyte.
        std::fs::remove_dir_all(folder.join("build"))?;
    }
    Ok(tool)
}

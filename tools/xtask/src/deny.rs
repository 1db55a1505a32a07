//! cargo-deny: crate boundaries, licences, sources; advisories where their database can be reached.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{self, cargo, root};

/// The version of cargo-deny.
const VERSION: &str = "0.20.2";

/// Installs cargo-deny if it is missing and runs its checks.
pub(crate) fn run() -> anyhow::Result<()> {
    let tool = tool()?;
    let checks = ["check", "bans", "licenses", "sources"];
    command::run(Command::new(&tool).current_dir(root()).args(checks))?;
    let advisories =
        Command::new(&tool).current_dir(root()).args(["check", "advisories"]).output()?;
    let output = String::from_utf8_lossy(&advisories.stderr);
    if advisories.status.success() {
        eprintln!("advisories ok");
    } else if output.contains("failed to fetch") || output.contains("advisory database") {
        eprintln!("advisories NOT CHECKED: their database cannot be reached from here");
    } else {
        eprint!("{output}");
        anyhow::bail!(
            "cargo-deny found advisories: update the crates, or ignore them in deny.toml with a reason"
        );
    }
    Ok(())
}

/// The path of cargo-deny, built on first use.
fn tool() -> anyhow::Result<PathBuf> {
    let folder = root().join("target/tools");
    let tool = folder.join("bin/cargo-deny");
    if !tool.exists() {
        let build = folder.join("build");
        command::run(
            cargo(&["install", "cargo-deny", "--quiet", "--locked", "--profile", "dev"])
                .args(["--version", VERSION, "--root"])
                .arg(&folder)
                .env("CARGO_TARGET_DIR", &build),
        )?;
        // Only the program is kept: its build is a gigabyte.
        std::fs::remove_dir_all(&build)?;
    }
    Ok(tool)
}

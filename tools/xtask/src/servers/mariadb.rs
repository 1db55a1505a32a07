//! MariaDB with a data directory of its own.

use std::path::Path;
use std::process::Command;

use super::process::{ServerProcess, find_free_port};
use crate::command;
use crate::packages::is_root;

/// Starts a server with its data in the scratch folder, and returns its URL.
pub(super) fn start(scratch: &Path) -> anyhow::Result<(String, ServerProcess)> {
    let folder = scratch.join("mariadb");
    std::fs::create_dir_all(&folder)?;
    command::capture(
        Command::new("mariadb-install-db")
            .arg("--no-defaults")
            .arg(format!("--datadir={}", folder.display()))
            .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
            .args(is_root().then_some("--user=root")),
    )?;
    let port = find_free_port()?;
    let log = folder.join("server.log");
    let mut process = ServerProcess::spawn(
        Command::new("mariadbd")
            .arg("--no-defaults")
            .arg(format!("--datadir={}", folder.display()))
            .arg(format!("--port={port}"))
            .arg("--bind-address=127.0.0.1")
            .arg(format!("--socket={}", folder.join("s.sock").display()))
            .args(["--max-connections=600", "--skip-name-resolve"])
            .args(is_root().then_some("--user=root")),
        &log,
    )?;
    process.wait_for_port(port, &log)?;
    Ok((format!("mysql://root@127.0.0.1:{port}/"), process))
}

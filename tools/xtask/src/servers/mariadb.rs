//! MariaDB with a data directory of its own.

use std::path::Path;
use std::process::Command;

use super::{Owned, free_port, must, spawn, wait_for_port};

/// Starts a server of its own in the scratch folder.
pub(crate) fn start(scratch: &Path) -> anyhow::Result<(String, Owned)> {
    let folder = scratch.join("mariadb");
    std::fs::create_dir_all(&folder)?;
    must(
        Command::new("mariadb-install-db")
            .arg("--no-defaults")
            .arg(format!("--datadir={}", folder.display()))
            .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
            .args(crate::environment::is_root().then_some("--user=root")),
    )?;
    let port = free_port()?;
    let log = folder.join("server.log");
    let mut owned = spawn(
        Command::new("mariadbd")
            .arg("--no-defaults")
            .arg(format!("--datadir={}", folder.display()))
            .arg(format!("--port={port}"))
            .arg("--bind-address=127.0.0.1")
            .arg(format!("--socket={}", folder.join("s.sock").display()))
            .args(["--max-connections=600", "--skip-name-resolve"])
            .args(crate::environment::is_root().then_some("--user=root")),
        &log,
    )?;
    wait_for_port(&mut owned, port, &log)?;
    Ok((format!("mysql://root@127.0.0.1:{port}/"), owned))
}

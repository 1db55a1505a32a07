//! The real MySQL: Debian stable has none, so it lives in a chroot of Debian unstable.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::{Owned, cache, free_port, must, spawn, wait_for_port};

/// Starts a server of its own; needs root for the chroot.
pub(crate) fn start(scratch: &Path) -> anyhow::Result<(String, Owned)> {
    if !crate::environment::is_root() {
        bail!(
            "MySQL runs in a chroot here, which needs root: run `sudo make test DATABASE=mysql`, or give PACELINE_TEST_MARIADB=mysql://USER:PASSWORD@HOST:PORT/"
        );
    }
    let tree = tree()?;
    let inside = format!("/var/lib/paceline-{}", scratch.file_name().unwrap_or_default().display());
    let folder = tree.join(inside.trim_start_matches('/'));
    std::fs::create_dir_all(&folder)?;
    let port = free_port()?;
    let mysqld = |extra: &[String]| {
        let mut command = Command::new("chroot");
        command
            .arg(&tree)
            .args(["mysqld", "--no-defaults", "--user=root"])
            .arg(format!("--datadir={inside}/data"));
        command.args(extra);
        command
    };
    must(&mut mysqld(&["--initialize-insecure".into()]))
        .context("cannot initialize MySQL's data directory")?;
    let log = scratch.join("mysql.log");
    let mut owned = spawn(
        &mut mysqld(&[
            format!("--port={port}"),
            "--bind-address=127.0.0.1".into(),
            format!("--socket={inside}/s.sock"),
            "--mysqlx=OFF".into(),
            "--max-connections=600".into(),
            "--skip-name-resolve".into(),
        ]),
        &log,
    )?;
    wait_for_port(&mut owned, port, &log)?;
    // root@localhost may not log in over TCP once names are not resolved: make it root@127.0.0.1's too.
    must(Command::new("chroot").arg(&tree).args(["mysql", "-uroot"]).arg(format!("--socket={inside}/s.sock")).args([
        "-e",
        "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1'; GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;",
    ]))
    .context("cannot let root in over TCP")?;
    Ok((format!("mysql://root@127.0.0.1:{port}/"), owned))
}

/// The chroot with mysql-server inside, made once.
fn tree() -> anyhow::Result<PathBuf> {
    let tree = cache().join("mysql-sid");
    let done = tree.join(".complete");
    if done.exists() {
        return Ok(tree);
    }
    std::fs::create_dir_all(cache())?;
    must(Command::new("debootstrap").args(["--variant=minbase", "sid"]).arg(&tree))?;
    // Services must not start inside the chroot.
    std::fs::write(tree.join("usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n")?;
    must(Command::new("chmod").arg("755").arg(tree.join("usr/sbin/policy-rc.d")))?;
    let install =
        "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends mysql-server";
    must(Command::new("chroot").arg(&tree).args(["sh", "-c", install]))?;
    std::fs::write(done, "")?;
    Ok(tree)
}

//! The real MySQL. Debian stable has none, so it lives in a chroot of Debian unstable.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::cache;
use super::process::{ServerProcess, find_free_port};
use crate::command;
use crate::packages::is_root;

/// Starts a server in the chroot, which needs root, and returns its URL.
pub(super) fn start(scratch: &Path) -> anyhow::Result<(String, ServerProcess)> {
    if !is_root() {
        bail!(
            "MySQL runs in a chroot here, which needs root: run `sudo make test DATABASE=mysql`, or give PACELINE_TEST_MARIADB=mysql://USER:PASSWORD@HOST:PORT/"
        );
    }
    let tree = build_tree()?;
    let data = tempfile::Builder::new().prefix("paceline-").tempdir_in(tree.join("var/lib"))?;
    let inside = Path::new("/").join(data.path().strip_prefix(&tree)?);
    let inside = inside.display();
    let port = find_free_port()?;
    let mysqld = |extra: &[String]| {
        let mut command = Command::new("chroot");
        command
            .arg(&tree)
            .args(["mysqld", "--no-defaults", "--user=root"])
            .arg(format!("--datadir={inside}/data"));
        command.args(extra);
        command
    };
    command::capture(&mut mysqld(&["--initialize-insecure".into()]))
        .context("cannot initialize MySQL's data directory")?;
    let log = scratch.join("mysql.log");
    let mut process = ServerProcess::spawn(
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
    process.wait_for_port(port, &log)?;
    allow_root_over_tcp(&tree, &format!("{inside}/s.sock"))?;
    Ok((format!("mysql://root@127.0.0.1:{port}/"), process.with_data(data)))
}

/// Makes root@127.0.0.1, for root@localhost may not log in over TCP once names are not resolved.
fn allow_root_over_tcp(tree: &Path, socket: &str) -> anyhow::Result<()> {
    let statements = "CREATE USER IF NOT EXISTS 'root'@'127.0.0.1'; \
                      GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;";
    let mut client = Command::new("chroot");
    client.arg(tree).args(["mysql", "-uroot"]).arg(format!("--socket={socket}"));
    command::capture(client.args(["-e", statements])).context("cannot let root in over TCP")?;
    Ok(())
}

/// The chroot with mysql-server inside, built on first use.
fn build_tree() -> anyhow::Result<PathBuf> {
    let tree = cache().join("mysql-sid");
    let complete = tree.join(".complete");
    if complete.exists() {
        return Ok(tree);
    }
    std::fs::create_dir_all(cache())?;
    command::capture(Command::new("debootstrap").args(["--variant=minbase", "sid"]).arg(&tree))?;
    // Services must not start inside the chroot.
    std::fs::write(tree.join("usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n")?;
    command::capture(Command::new("chmod").arg("755").arg(tree.join("usr/sbin/policy-rc.d")))?;
    let install =
        "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends mysql-server";
    command::capture(Command::new("chroot").arg(&tree).args(["sh", "-c", install]))?;
    std::fs::write(complete, "")?;
    Ok(tree)
}

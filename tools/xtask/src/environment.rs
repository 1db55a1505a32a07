//! What the machine has: packages found, installed (root on Debian), or named.

use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::servers::must;

/// A program that is needed, and the Debian package that brings it.
pub(crate) struct Needed {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
    pub(crate) why: &'static str,
}

/// Whether we are root.
pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

/// Installs what is missing (root on Debian), or says exactly what is missing and how to get it.
pub(crate) fn provide(needed: &[Needed]) -> anyhow::Result<()> {
    let missing: Vec<&Needed> = needed.iter().filter(|one| !found(one.program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|one| one.package).collect();
    if !is_root() || !Path::new("/etc/debian_version").exists() {
        let list: Vec<String> = missing
            .iter()
            .map(|one| format!("  {} ({}): Debian package {}", one.program, one.why, one.package))
            .collect();
        bail!(
            "missing:\n{}\nget it with `sudo apt-get install {}` or your system's equivalent",
            list.join("\n"),
            packages.join(" ")
        );
    }
    eprintln!("installing {} …", packages.join(", "));
    must(Command::new("apt-get").args(["update", "-qq"]))?;
    must(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(packages),
    )?;
    Ok(())
}

/// Whether a program is on the path, or in the places Debian keeps servers.
pub(crate) fn found(program: &str) -> bool {
    Command::new("sh")
        .arg("-c")
        .arg(format!("PATH=$PATH:/usr/sbin:/sbin command -v {program}"))
        .output()
        .is_ok_and(|output| output.status.success())
}

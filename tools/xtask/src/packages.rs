//! The programs that checks and tests need on this machine, and the Debian packages that bring them.

use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::command;
use crate::servers::Engine;

/// A program that is needed, and the Debian package that brings it.
pub(crate) struct RequiredProgram {
    name: &'static str,
    package: &'static str,
    purpose: &'static str,
}

const fn required(
    name: &'static str,
    package: &'static str,
    purpose: &'static str,
) -> RequiredProgram {
    RequiredProgram { name, package, purpose }
}

/// Programs for the build and the checks.
const FOR_CHECKS: [RequiredProgram; 7] = [
    required("gcc", "gcc", "compiles librdkafka and SQLite"),
    required("g++", "g++", "compiles librdkafka"),
    required("make", "make", "compiles librdkafka"),
    required("cmake", "cmake", "compiles aws-lc"),
    required("pkg-config", "pkg-config", "finds OpenSSL"),
    required("python3", "python3-venv", "runs Schemathesis on the interface"),
    required("npm", "npm", "fetches the tools that check contracts and the compose file"),
];

/// Programs for the broker.
const FOR_KAFKA: [RequiredProgram; 2] = [
    required("java", "openjdk-17-jre-headless", "runs Apache Kafka"),
    required("mvn", "maven", "fetches Apache Kafka"),
];

const FOR_MARIADB: RequiredProgram =
    required("mariadbd", "mariadb-server", "is a server that the stores are tested on");
const FOR_MYSQL: RequiredProgram =
    required("debootstrap", "debootstrap", "fetches MySQL from Debian unstable");

/// Lists the programs for the build and the checks.
pub(crate) fn list_for_checks() -> Vec<RequiredProgram> {
    FOR_CHECKS.into()
}

/// Lists the programs for the test servers.
pub(crate) fn list_for_servers(engine: Engine) -> Vec<RequiredProgram> {
    let [java, maven] = FOR_KAFKA;
    let sql = match engine {
        Engine::MariaDb => FOR_MARIADB,
        Engine::MySql => FOR_MYSQL,
    };
    vec![java, maven, sql]
}

/// Installs those of the programs that are missing, if this is root on Debian.
///
/// # Errors
///
/// Programs are missing and cannot be installed here; the message names the packages.
pub(crate) fn install_missing(programs: &[RequiredProgram]) -> anyhow::Result<()> {
    let missing: Vec<_> = programs.iter().filter(|program| !is_installed(program.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    if !is_root() || !Path::new("/etc/debian_version").exists() {
        let lines: Vec<String> = missing
            .iter()
            .map(|program| {
                format!(
                    "  {} (Debian package {}) {}",
                    program.name, program.package, program.purpose
                )
            })
            .collect();
        bail!(
            "missing programs:\n{}\ninstall them with `sudo apt-get install {}` or your system's equivalent",
            lines.join("\n"),
            packages.join(" ")
        );
    }
    eprintln!("installing {} …", packages.join(", "));
    command::capture(Command::new("apt-get").args(["update", "-qq"]))?;
    command::capture(
        Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(packages),
    )?;
    Ok(())
}

/// True if a program is on the path or where Debian keeps servers.
fn is_installed(program: &str) -> bool {
    let lookup = format!("PATH=$PATH:/usr/sbin:/sbin command -v {program}");
    Command::new("sh").args(["-c", &lookup]).output().is_ok_and(|output| output.status.success())
}

/// True if this process runs as root.
pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

//! The servers' answers, and the versions of the databases that tests use.

use std::io::Read;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::command::{self, cargo};

/// Maximum time until a server takes a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum time until a SQL server greets.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads product, version and address of a MariaDB or MySQL server from its greeting.
pub(super) fn read_sql_version(url: &str) -> anyhow::Result<String> {
    let url: url::Url = url
        .parse()
        .with_context(|| format!("`{url}` is no URL: write mysql://USER:PASSWORD@HOST:PORT/"))?;
    let address =
        format!("{}:{}", url.host_str().unwrap_or("127.0.0.1"), url.port().unwrap_or(3306));
    let greeting = read_greeting(&address)?;
    let version = parse_greeting(&greeting)
        .with_context(|| format!("{address} greets unlike MySQL or MariaDB"))?;
    let product = if version.contains("MariaDB") { "MariaDB" } else { "MySQL" };
    Ok(format!("{product} {version} at {address}"))
}

/// Connects to a server.
///
/// # Errors
///
/// Nothing listens at the address, or it does not answer in time.
pub(super) fn connect(address: &str) -> anyhow::Result<TcpStream> {
    let sockets = address.to_socket_addrs().with_context(|| format!("cannot resolve {address}"))?;
    let Some(socket) = sockets.into_iter().next() else { bail!("cannot resolve {address}") };
    TcpStream::connect_timeout(&socket, CONNECT_TIMEOUT)
        .with_context(|| format!("cannot connect to {address}"))
}

fn read_greeting(address: &str) -> anyhow::Result<Vec<u8>> {
    let stream = connect(address)?;
    stream.set_read_timeout(Some(GREETING_TIMEOUT))?;
    let mut greeting = vec![0; 128];
    let length = (&stream).read(&mut greeting)?;
    greeting.truncate(length);
    Ok(greeting)
}

/// Finds the version in a greeting of the protocol's version 10: four bytes of header, the number 10, a text that ends
/// with a zero. MariaDB before 11 puts `5.5.5-` before its version.
fn parse_greeting(greeting: &[u8]) -> Option<&str> {
    let (10, text) = greeting.get(4..)?.split_first()? else { return None };
    let version = std::str::from_utf8(text.split(|byte| *byte == 0).next()?).ok()?;
    Some(version.strip_prefix("5.5.5-").unwrap_or(version)).filter(|version| !version.is_empty())
}

/// Reads the version of SQLite that `libsqlite3-sys` carries and compiles.
pub(super) fn read_sqlite_version() -> anyhow::Result<String> {
    let metadata =
        command::capture(&mut cargo(&["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let package = metadata["packages"]
        .as_array()
        .and_then(|packages| packages.iter().find(|one| one["name"] == "libsqlite3-sys"))
        .context("libsqlite3-sys is not among the dependencies")?;
    let manifest = package["manifest_path"].as_str().unwrap_or_default();
    let header = std::path::Path::new(manifest).with_file_name("sqlite3/sqlite3.h");
    let header = std::fs::read_to_string(&header)
        .with_context(|| format!("cannot read {}", header.display()))?;
    let version = header
        .lines()
        .find_map(|line| line.strip_prefix("#define SQLITE_VERSION "))
        .context("sqlite3.h names no version")?;
    Ok(format!(
        "SQLite {} of libsqlite3-sys {}",
        version.trim().trim_matches('"'),
        package["version"].as_str().unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_names_the_version() {
        let mysql = b"\x4a\0\0\0\x0a8.4.6\0\x08\0\0\0rest";
        let mariadb = b"\x4a\0\0\0\x0a5.5.5-10.11.6-MariaDB\0\x08\0\0\0rest";
        assert_eq!(parse_greeting(mysql), Some("8.4.6"));
        assert_eq!(parse_greeting(mariadb), Some("10.11.6-MariaDB"));
        assert_eq!(parse_greeting(b"HTTP/1.1 400"), None);
    }

    #[test]
    fn the_version_of_sqlite_is_that_of_the_crate() {
        assert!(read_sqlite_version().unwrap().starts_with("SQLite 3."));
    }
}

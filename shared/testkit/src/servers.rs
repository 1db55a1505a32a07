//! The servers of tests, from environment variables.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// Returns the address of the Kafka broker.
///
/// # Panics
///
/// If it is not set, with the remedy: a test is never skipped silently.
pub fn kafka_brokers() -> String {
    read_variable("PACELINE_TEST_KAFKA", "HOST:PORT of an Apache Kafka broker")
}

/// Returns the URL of the MariaDB or MySQL server, without a database.
pub(crate) fn mariadb_url() -> url::Url {
    let text = read_variable(
        "PACELINE_TEST_MARIADB",
        "mysql://USER@HOST:PORT/ of a MariaDB or MySQL server",
    );
    text.parse()
        .unwrap_or_else(|error| panic!("PACELINE_TEST_MARIADB={text} is not a URL: {error}"))
}

/// Returns a unique prefix for topics and groups: lower-case, ends in a dot.
pub fn topic_prefix() -> String {
    format!("t{}.", unique_name())
}

/// Returns a name that is unique among all tests on this machine.
pub(crate) fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static STARTED: std::sync::OnceLock<(u32, u64)> = std::sync::OnceLock::new();
    let (process, started) = STARTED.get_or_init(|| {
        use std::hash::{BuildHasher, RandomState};
        (
            std::process::id(),
            RandomState::new().hash_one(format!("{:?}", Instant::now())) & 0xffff_ffff,
        )
    });
    format!("{process:x}x{started:08x}x{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn read_variable(name: &str, format: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "the servers of tests are environment variables")]
    let value = std::env::var(name);
    match value {
        Ok(value) if !value.is_empty() => value,
        _ => panic!(
            "{name} is not set: it must be {format}. `make test` starts one; by hand: \
             `eval \"$(cargo xtask servers --background)\"`"
        ),
    }
}

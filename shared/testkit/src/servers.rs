//! The servers that tests find in the environment.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// The Kafka broker's address. Panics with what to do when there is none: a test is never skipped silently.
pub fn kafka_brokers() -> String {
    find("PACELINE_TEST_KAFKA", "HOST:PORT of an Apache Kafka broker")
}

/// The URL of the MariaDB or MySQL server, without a database.
pub fn mariadb_url() -> url::Url {
    let text =
        find("PACELINE_TEST_MARIADB", "mysql://USER@HOST:PORT/ of a MariaDB or MySQL server");
    text.parse().unwrap_or_else(|error| panic!("PACELINE_TEST_MARIADB={text} is no URL: {error}"))
}

/// A prefix for topics and groups that no other test has: lower-case, ends in a dot.
pub fn topic_prefix() -> String {
    format!("t{}.", unique())
}

/// A word that no other test of this machine has, now or before.
pub(crate) fn unique() -> String {
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

fn find(name: &str, what: &str) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told their servers by the environment"
    )]
    let found = std::env::var(name);
    match found {
        Ok(value) if !value.is_empty() => value,
        _ => panic!(
            "{name} is not set: it must be {what}. `make test` starts one; by hand: `cargo xtask servers`, \
             then set what it prints"
        ),
    }
}

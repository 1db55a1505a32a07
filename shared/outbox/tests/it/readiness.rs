//! Readiness: a database is ready if it can be written.

use std::sync::Arc;
use std::time::Duration;

use outbox::{Database, StoreError, sql};
use testkit::{TestDatabase, databases, eventually};
use tokio::sync::Notify;

use crate::support::{open, publish_one};

const LIMIT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_database_that_answers_but_takes_no_write_is_not_ready_until_it_does() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        of.execute("ALTER TABLE health_check RENAME TO elsewhere").await;

        let failure = database.check_writable().await.unwrap_err();
        assert!(failure.to_string().contains("health_check"), "{failure}");
        let (again, at_once) = tokio::join!(database.check_writable(), database.check_writable());
        assert!(again.is_err() && at_once.is_err(), "{}", of.engine());

        of.execute("ALTER TABLE elsewhere RENAME TO health_check").await;
        eventually(LIMIT, "it is ready again", async || database.check_writable().await).await;
        assert_eq!(count_health_checks(&of).await, 1, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_commit_of_the_past_seconds_spares_the_write_unless_something_failed_since() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        publish_one(&database, 1, "a").await;

        database.check_writable().await.unwrap();
        assert_eq!(count_health_checks(&of).await, 0, "{}", of.engine());

        let failing = database.run_plain("failing", |tx| async move {
            sql::execute(tx.conn(), "INSERT INTO nowhere (a) VALUES (1)", []).await
        });
        assert!(failing.await.is_err());
        database.check_writable().await.unwrap();
        assert_eq!(count_health_checks(&of).await, 1, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_database_busy_with_another_transaction_is_ready() {
    let of = TestDatabase::sqlite();
    let (database, _) = open(&of).await;
    let (begun, may_end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let long = database.run_plain("long", |tx| {
        let (begun, may_end) = (Arc::clone(&begun), Arc::clone(&may_end));
        async move {
            begun.notify_one();
            may_end.notified().await;
            drop(tx);
            Ok::<_, StoreError>(())
        }
    });
    let check = async {
        begun.notified().await;
        let outcomes = tokio::join!(database.check_writable(), database.check_writable());
        may_end.notify_one();
        outcomes
    };

    let (ended, outcomes) = tokio::join!(long, check);

    ended.unwrap();
    assert_eq!(outcomes, (Ok(()), Ok(())));
}

#[tokio::test]
async fn a_sound_database_has_no_faults() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        publish_one(&database, 1, "a").await;
        assert_eq!(database.check_integrity().await.unwrap(), [""; 0], "{}", of.engine());
    }
}

#[tokio::test]
async fn a_damaged_page_is_found() {
    let of = TestDatabase::sqlite();
    let (database, _) = open(&of).await;
    for n in 0..50 {
        publish_one(&database, 1, "x".repeat(1_000 + n)).await;
    }
    database.close().await.unwrap();
    let outbox::Target::Sqlite { file } = of.target() else { panic!("a file") };
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8_192].fill(0xff);
    std::fs::write(&file, bytes).unwrap();

    let damaged = Database::connect(&of.target()).await.unwrap();
    let faults = damaged.check_integrity().await;

    assert!(!matches!(&faults, Ok(faults) if faults.is_empty()), "{faults:?}");
}

async fn count_health_checks(of: &TestDatabase) -> i64 {
    of.query_i64("SELECT COUNT(*) FROM health_check").await
}

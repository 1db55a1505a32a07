//! Tests of the test support.

use std::sync::Mutex;
use std::time::Duration;

use kernel::{AthleteId, Ids as _, Timestamp};
use outbox::{Database, StoreError, Target, sql};
use testkit::{Process, SeededIds, TestDatabase, databases, eventually, topic_prefix};

#[tokio::test]
async fn a_dump_shows_text_numbers_and_blobs_of_every_table() {
    for of in databases().await {
        let database = Database::open(&of.target(), vec![]).await.unwrap();
        let athlete: AthleteId = "00000000-0000-0000-0000-00000000abcd".parse().unwrap();
        let work = |_tx| async { Ok::<_, StoreError>(()) };
        database.run("insert", athlete, work).await.unwrap();
        let insert = "INSERT INTO outbox (event_id, topic, record_key, to_all_partitions, value, written_at_us, \
                      published_at_us) VALUES ('e', 'journal', 'key', 0, ?, 48123456, 0)";
        let blob = [b"a sentinel ".as_slice(), &[0xfe, 0xed]].concat();
        sql::execute(database.writer(), insert, [blob.into()]).await.unwrap();
        let dump = of.dump().await;
        for sought in ["00000000abcd", "48123456", "a sentinel", "feed", "kit_0001_athlete"] {
            assert!(dump.contains(sought), "{}: {sought} is not in\n{dump}", of.engine());
        }
        let bytes = of.bytes().await;
        assert!(bytes.windows(10).any(|window| window == b"a sentinel"), "{}", of.engine());
    }
}

#[tokio::test]
async fn a_database_is_dropped_despite_an_open_transaction() {
    let of = TestDatabase::mariadb().await;
    let Target::MySql { name, .. } = of.target() else {
        panic!("MariaDB is reached by MySQL's protocol")
    };
    let database = Database::open(&of.target(), vec![]).await.unwrap();
    let other = TestDatabase::mariadb().await;
    Database::open(&other.target(), vec![]).await.unwrap();
    let left =
        format!("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '{name}'");
    let (of, other, left) = (&Mutex::new(Some(of)), &other, &left);
    let outcome = database.run_plain("hold", |_tx| async move {
        drop(of.lock().unwrap().take());
        assert_eq!(other.query_i64(left).await, 0);
        Err::<(), _>(StoreError::inconsistent("its database is gone"))
    });
    assert!(outcome.await.is_err());
}

#[tokio::test]
async fn a_process_is_read_paused_resumed_and_killed() {
    let script = "trap 'echo bye; exit 3' TERM; echo starting; echo '{\"listen\":\"here\"}'; \
                  while true; do sleep 0.05; done";
    let mut process = Process::start("/bin/sh", ["-c", script], []);
    let ready = process.wait_until_ready(Duration::from_secs(5)).await;
    assert_eq!(ready["listen"], "here");
    process.pause().await;
    process.terminate().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(process.is_running(), "it is suspended");
    process.resume().await;
    assert_eq!(process.wait_for_exit(Duration::from_secs(5)).await.code(), Some(3));
    eventually(Duration::from_secs(2), "the output after SIGTERM is read", async || {
        let output = process.output();
        if output.contains("bye") { Ok(()) } else { Err(output) }
    })
    .await;
    let mut other = Process::start("/bin/sh", ["-c", "while true; do sleep 0.05; done"], []);
    other.kill().await;
    assert!(!other.is_running());
}

#[test]
fn the_same_seed_gives_the_same_ids_and_another_gives_others() {
    let ids = |seed| {
        let ids = SeededIds::new(seed);
        [ids.uuid_v7(Timestamp::from_secs(1)), ids.uuid_v7(Timestamp::from_secs(1))]
    };
    assert_eq!(ids(1), ids(1));
    assert_ne!(ids(1), ids(2));
    assert_ne!(ids(1)[0], ids(1)[1]);
}

#[test]
fn no_two_tests_share_a_prefix() {
    assert_ne!(topic_prefix(), topic_prefix());
}

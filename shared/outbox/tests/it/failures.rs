//! Failures of the store: nothing acknowledged is lost, and it heals by itself.

use outbox::{Database, StoreError, sql};
use testkit::{TestDatabase, databases};

use crate::support::{athlete, message, open, own};

/// Stores one athlete's value and an event of 8 KiB in one transaction, like a service.
async fn store(database: &Database, of: u128) -> Result<(), StoreError> {
    database
        .run("store", athlete(of), |tx| async move {
            let id = tx.athlete().to_string();
            sql::execute(
                tx.conn(),
                "INSERT INTO newest (athlete, revision, said) VALUES (?, 1, 'x'), (?, 1, 'y')",
                [id.clone().into(), format!("{}b", &id[1..]).into()],
            )
            .await?;
            tx.publish(message(athlete(of), "x".repeat(8 * 1024))).await?;
            Ok(())
        })
        .await
}

async fn count_stored(of: &TestDatabase) -> i64 {
    of.query_i64("SELECT COUNT(*) FROM newest WHERE said = 'x'").await
}

#[tokio::test]
async fn after_a_full_disk_everything_acknowledged_is_there_and_writing_works() {
    let of = TestDatabase::sqlite();
    let (database, _) = open(&of).await;
    let pages = of.query_i64("PRAGMA page_count").await;
    let limit = format!("PRAGMA max_page_count = {}", pages + 12);
    sql::exists(database.writer(), &limit, []).await.unwrap();

    let mut acknowledged = 0;
    let mut failures = 0;
    for of in 1..=40 {
        match store(&database, of).await {
            Ok(()) => acknowledged += 1,
            Err(error) => {
                assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
                failures += 1;
            }
        }
    }

    assert!(failures > 0, "the disk was never full");
    assert!(acknowledged > failures, "the limit went with the connection: writing works again");
    // Another connection sees what was acknowledged: no commit was made inside an open transaction.
    assert_eq!(count_stored(&of).await, acknowledged);
}

#[tokio::test]
async fn a_transaction_refuses_every_statement_and_its_commit_after_a_failed_one() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let outcome = database
            .run("swallow", athlete(1), |tx| async move {
                let failed =
                    sql::execute(tx.conn(), "INSERT INTO nowhere (a) VALUES (1)", []).await;
                assert!(matches!(failed, Err(StoreError::Other(_))), "{failed:?}");
                let insert = "INSERT INTO newest (athlete, revision, said) VALUES ('a', 1, 'x')";
                let refused = sql::execute(tx.conn(), insert, []).await;
                assert!(refused.is_err());
                Ok::<_, StoreError>(())
            })
            .await;

        assert!(outcome.is_err(), "{}", of.engine());
        assert_eq!(count_stored(&of).await, 0, "{}", of.engine());
        store(&database, 2).await.unwrap();
        assert_eq!(count_stored(&of).await, 1, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_connection_killed_before_any_statement_loses_nothing_acknowledged() {
    let of = TestDatabase::mariadb().await;
    let (database, _) = open(&of).await;
    let killer = Database::open(&of.target(), own()).await.unwrap();
    for statement in 0..4 {
        let killer = &killer;
        let outcome = database
            .run("killed", athlete(statement), |tx| async move {
                for n in 0..4 {
                    if n == statement {
                        kill(killer, &tx).await;
                    }
                    let insert = "INSERT INTO newest (athlete, revision, said) VALUES (?, 1, 'x')";
                    let id = format!("{statement}-{n}");
                    sql::execute(tx.conn(), insert, [id.into()]).await?;
                }
                Ok::<_, StoreError>(())
            })
            .await;

        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{statement}: {outcome:?}");
        assert_eq!(count_stored(&of).await, i64::try_from(statement).unwrap());
        store(&database, 100 + statement).await.unwrap();
    }
}

async fn kill(killer: &Database, tx: &outbox::AthleteTx) {
    let id: Option<u64> = sql::fetch_scalar(tx.conn(), "SELECT CONNECTION_ID()", []).await.unwrap();
    let kill = format!("KILL CONNECTION {}", id.unwrap());
    sql::execute(killer.writer(), &kill, []).await.unwrap();
}

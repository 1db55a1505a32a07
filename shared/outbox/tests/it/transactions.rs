//! The transaction runner and the athlete transaction.

use std::sync::Mutex;
use std::time::Duration;

use contracts::{Envelope, MAX_RECORD_BYTES};
use futures::future::join_all;
use outbox::{AthleteTx, Database, StoreError, sql};
use testkit::databases;
use tokio::sync::Notify;

use crate::support::{NOW, athlete, message, open};

/// The first number that is drawn at [`NOW`].
const FIRST: i64 = NOW.as_micros();

/// The guard as every service writes it: update if older, insert if new, ignored otherwise.
async fn put(database: &Database, revision: i64, said: &str) -> Result<bool, StoreError> {
    database
        .run("put_newest", athlete(1), |tx| async move {
            let id = tx.athlete().to_string();
            let updated = sql::execute(
                tx.conn(),
                "UPDATE newest SET revision = ?, said = ? WHERE athlete = ? AND revision < ?",
                [revision.into(), said.into(), id.clone().into(), revision.into()],
            )
            .await?;
            if updated == 0 {
                let inserted = sql::execute(
                    tx.conn(),
                    "INSERT INTO newest (athlete, revision, said) VALUES (?, ?, ?)",
                    [id.into(), revision.into(), said.into()],
                )
                .await;
                match inserted {
                    Err(StoreError::UniqueViolation) => return Ok(tx.unchanged(false)),
                    other => other?,
                };
            }
            tx.draw_revision();
            tx.publish(message(athlete(1), revision)).await?;
            Ok(true)
        })
        .await
}

/// Holds the athlete's row until `released` is notified.
async fn hold(database: &Database, held: &Notify, released: &Notify) -> Result<(), StoreError> {
    database
        .run("hold", athlete(1), |_tx| async move {
            held.notify_one();
            released.notified().await;
            Ok(())
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_400_transactions_at_once_on_a_new_athlete_the_newest_wins() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let outcomes = join_all((0..400).map(|n| {
            let database = database.clone();
            // 0..400 in an order of no kind: 167 and 400 have no common factor.
            let revision = n * 167 % 400 + 1;
            async move { put(&database, revision, &revision.to_string()).await }
        }))
        .await;
        let applied =
            outcomes.into_iter().filter(|outcome| *outcome.as_ref().unwrap()).count() as i64;
        assert_eq!(of.query_i64("SELECT revision FROM newest").await, 400, "{}", of.engine());
        let last = FIRST + applied - 1;
        assert_eq!(of.query_i64("SELECT counter FROM athlete").await, last, "{}", of.engine());
        assert_eq!(of.query_i64("SELECT COUNT(*) FROM outbox").await, applied, "{}", of.engine());
        let wrong = "SELECT COUNT(*) FROM newest WHERE said <> '400'";
        assert_eq!(of.query_i64(wrong).await, 0, "{}", of.engine());
    }
}

#[tokio::test]
async fn an_older_or_equal_revision_changes_nothing() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        assert!(put(&database, 5, "five").await.unwrap());
        assert!(!put(&database, 3, "three").await.unwrap(), "{}", of.engine());
        assert!(!put(&database, 5, "five again").await.unwrap(), "{}", of.engine());
        assert_eq!(
            of.query_i64("SELECT COUNT(*) FROM newest WHERE said = 'five'").await,
            1,
            "{}",
            of.engine()
        );
        assert_eq!(of.query_i64("SELECT COUNT(*) FROM outbox").await, 1, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_transaction_that_fails_never_happened() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let failed: Result<(), StoreError> = database
            .run("fail", athlete(1), |tx| async move {
                assert_eq!(tx.draw_revision().get(), FIRST);
                tx.bump_version();
                tx.publish(message(athlete(1), "never")).await?;
                Err(StoreError::inconsistent("on purpose"))
            })
            .await;
        assert!(failed.is_err());
        let seen = database
            .run("look", athlete(1), |tx| async move {
                Ok::<_, StoreError>((tx.version(), tx.draw_ticket().get()))
            })
            .await
            .unwrap();
        assert_eq!(seen, (0, FIRST), "{}", of.engine());
        assert_eq!(of.query_i64("SELECT COUNT(*) FROM outbox").await, 0, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_transaction_marked_as_unchanged_is_rolled_back_and_returns_its_value() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let value =
            database
                .run("ignore", athlete(1), |tx| async move {
                    Ok::<_, StoreError>(tx.unchanged("ignored"))
                })
                .await
                .unwrap();
        assert_eq!(value, "ignored");
        assert_eq!(of.query_i64("SELECT COUNT(*) FROM athlete").await, 0, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_transaction_that_changed_something_cannot_claim_to_be_unchanged() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let outcome = database
            .run("contradiction", athlete(1), |tx| async move {
                tx.publish(message(athlete(1), "never")).await?;
                tx.unchanged(());
                Ok(())
            })
            .await;
        assert!(matches!(outcome, Err(StoreError::Inconsistent { .. })), "{outcome:?}");
        assert_eq!(of.query_i64("SELECT COUNT(*) FROM outbox").await, 0, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_handle_that_outlives_its_closure_is_an_error_and_nothing_happened() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let (smuggled, taken) = (Mutex::new(None), &Mutex::new(None));
        let outcome: Result<(), StoreError> = database
            .run("smuggle", athlete(1), |tx| async move {
                tx.bump_version();
                *taken.lock().unwrap() = Some(tx);
                Ok(())
            })
            .await;
        assert!(matches!(outcome, Err(StoreError::Inconsistent { .. })), "{outcome:?}");
        *smuggled.lock().unwrap() = taken.lock().unwrap().take();
        drop(smuggled);
        let version = database.version_of(database.readers(), athlete(1)).await.unwrap();
        assert_eq!(version, 0, "{}", of.engine());
    }
}

#[tokio::test]
async fn counter_and_version_are_stored_and_the_version_moves_once_per_transaction() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        for round in 0..3 {
            database
                .run("bump", athlete(1), |tx| async move {
                    assert_eq!(tx.draw_ticket().get(), FIRST + 2 * round);
                    assert_eq!(tx.draw_revision().get(), FIRST + 2 * round + 1);
                    tx.bump_version();
                    tx.bump_version();
                    Ok::<_, StoreError>(())
                })
                .await
                .unwrap();
        }
        assert_eq!(
            database.version_of(database.readers(), athlete(1)).await.unwrap(),
            3,
            "{}",
            of.engine()
        );
        assert_eq!(
            database.version_of(database.readers(), athlete(2)).await.unwrap(),
            0,
            "{}",
            of.engine()
        );
    }
}

#[tokio::test]
async fn a_database_restored_from_an_older_moment_draws_nothing_that_was_drawn_before() {
    for of in databases().await {
        let (database, clock) = open(&of).await;
        let draw = || async {
            let draw = |tx: AthleteTx| async move { Ok::<_, StoreError>(tx.draw_revision().get()) };
            database.run("draw", athlete(1), draw).await.unwrap()
        };
        draw().await;
        let backup = of.query_i64("SELECT counter FROM athlete").await;
        let mut drawn = 0;
        for _ in 0..3 {
            drawn = draw().await;
        }
        of.execute(&format!("UPDATE athlete SET counter = {backup}")).await;

        clock.advance(Duration::from_secs(1));

        assert!(draw().await > drawn, "{}", of.engine());
        // The clock may go back: then the counter alone decides.
        clock.set(NOW.minus(Duration::from_hours(1)));
        let before = draw().await;
        assert_eq!(draw().await, before + 1, "{}", of.engine());
    }
}

#[tokio::test]
async fn several_athletes_are_locked_at_once_and_each_keeps_its_own_counter() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let both = [athlete(2), athlete(1), athlete(2)];
        let swap = |first: u128, second: u128| {
            let database = database.clone();
            async move {
                database
                    .run_many("swap", &[athlete(first), athlete(second)], |tx| async move {
                        tx.athlete(athlete(1))?.draw_revision();
                        tx.athlete(athlete(2))?.bump_version();
                        Ok::<_, StoreError>(())
                    })
                    .await
                    .unwrap();
            }
        };
        join_all((0..20).map(|n| if n % 2 == 0 { swap(1, 2) } else { swap(2, 1) })).await;
        let stranger = database
            .run_many("stranger", &both, |tx| async move { tx.athlete(athlete(3)).map(drop) })
            .await;
        assert!(matches!(stranger, Err(StoreError::Inconsistent { .. })), "{stranger:?}");
        assert_eq!(
            of.query_i64("SELECT MAX(counter) FROM athlete").await,
            FIRST + 19,
            "{}",
            of.engine()
        );
        assert_eq!(of.query_i64("SELECT MAX(version) FROM athlete").await, 20, "{}", of.engine());
    }
}

#[tokio::test]
async fn an_event_has_the_clocks_time_and_a_new_id_and_a_maximum_size() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let id = database
            .run("publish", athlete(1), |tx| async move {
                let id = tx.publish(message(athlete(1), "fits")).await?;
                let refused = tx.publish(message(athlete(1), "x".repeat(MAX_RECORD_BYTES))).await;
                assert!(matches!(refused, Err(StoreError::Inconsistent { .. })), "{refused:?}");
                Ok::<_, StoreError>(id)
            })
            .await
            .unwrap();
        let row =
            sql::one(database.readers(), "SELECT event_id, record_key, value FROM outbox", [])
                .await
                .unwrap();
        let row = row.unwrap();
        let envelope = Envelope::decode(&row.try_get::<Vec<u8>>("", "value").unwrap()).unwrap();
        assert_eq!((envelope.event_id, envelope.occurred_at), (id, NOW));
        assert_eq!(row.try_get::<String>("", "event_id").unwrap(), id.to_string());
        assert_eq!(row.try_get::<String>("", "record_key").unwrap(), athlete(1).to_string());
    }
}

#[tokio::test]
async fn a_row_held_by_another_transaction_conflicts_until_it_is_released() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let other = Database::open(&of.target(), crate::support::own()).await.unwrap();
        let (held, released) = (Notify::new(), Notify::new());
        let late = async {
            held.notified().await;
            database.run("late", athlete(1), |_tx| async { Ok::<_, StoreError>(()) }).await
        };
        let release = async {
            tokio::time::sleep(std::time::Duration::from_millis(6500)).await;
            released.notify_one();
        };
        let (late, (), holder) =
            futures::future::join3(late, release, hold(&other, &held, &released)).await;
        late.unwrap_or_else(|error| panic!("{}: {error:?}", of.engine()));
        holder.unwrap();
    }
}

#[tokio::test]
async fn live_work_waits_for_at_most_one_transaction_of_bulk_work() {
    let of = testkit::TestDatabase::sqlite();
    let (live, _) = open(&of).await;
    let bulk = live.for_bulk();
    let done = Mutex::new(Vec::new());
    let (held, released) = (Notify::new(), Notify::new());
    let run = async |database: &Database, who: u128, what: &'static str| {
        database.run("work", athlete(who), |_tx| async { Ok::<_, StoreError>(()) }).await.unwrap();
        done.lock().unwrap().push(what);
    };
    let bulks = async {
        held.notified().await;
        join_all((0..5).map(|who| run(&bulk, who, "bulk"))).await;
    };
    let late = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let release = async {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            released.notify_one();
        };
        futures::future::join(run(&live, 7, "live"), release).await;
    };
    let (_, (), holder) = futures::future::join3(bulks, late, hold(&live, &held, &released)).await;
    holder.unwrap();
    let done = done.into_inner().unwrap();
    assert!(done.iter().position(|what| *what == "live") <= Some(1), "{done:?}");
    assert_eq!(done.len(), 6);
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_unavailable_and_counts_against_nobody() {
    let target = outbox::Target::MySql {
        url: "mysql://nobody@127.0.0.1:1/".parse().unwrap(),
        name: "paceline_test_nowhere".to_owned(),
    };
    let error = Database::open(&target, vec![]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(matches!(error.into(), event_bus::HandleError::Unavailable(_)));
}

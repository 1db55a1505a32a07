//! The effect transaction.

use std::sync::{Arc, Mutex};

use contracts::{Envelope, MAX_RECORD_BYTES};
use futures::future::join_all;
use outbox::{Database, StoreError, again_if_contended, sql};
use testkit::databases;

use crate::support::{NOW, athlete, draft, open};

/// The guard as every service writes it: update if older, insert if new, seen otherwise.
async fn put(database: &Database, revision: i64, said: &str) -> Result<bool, StoreError> {
    again_if_contended(|| async {
        let mut effect = database.effect(athlete(1)).await?;
        let id = effect.athlete().to_string();
        let updated = sql::execute(
            effect.conn(),
            "UPDATE newest SET revision = ?, said = ? WHERE athlete = ? AND revision < ?",
            [revision.into(), said.into(), id.clone().into(), revision.into()],
        )
        .await?;
        if updated == 0 {
            let inserted = sql::execute(
                effect.conn(),
                "INSERT INTO newest (athlete, revision, said) VALUES (?, ?, ?)",
                [id.into(), revision.into(), said.into()],
            )
            .await;
            match inserted {
                Err(StoreError::UniqueViolation) => return Ok(false),
                other => other?,
            };
        }
        effect.next().await?;
        effect.publish(draft(athlete(1), revision)).await?;
        effect.commit().await?;
        Ok(true)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_400_effects_at_once_on_a_new_athlete_the_newest_wins_and_the_counter_is_the_number_of_events()
 {
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
        assert_eq!(of.number("SELECT revision FROM newest").await, 400, "{}", of.engine());
        assert_eq!(of.number("SELECT counter FROM athlete").await, applied, "{}", of.engine());
        assert_eq!(of.number("SELECT COUNT(*) FROM outbox").await, applied, "{}", of.engine());
        let wrong = "SELECT COUNT(*) FROM newest WHERE said <> '400'";
        assert_eq!(of.number(wrong).await, 0, "{}", of.engine());
    }
}

#[tokio::test]
async fn an_older_revision_changes_nothing_and_the_same_one_is_seen() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        assert!(put(&database, 5, "five").await.unwrap());
        assert!(!put(&database, 3, "three").await.unwrap(), "{}", of.engine());
        assert!(!put(&database, 5, "five again").await.unwrap(), "{}", of.engine());
        assert_eq!(
            of.number("SELECT COUNT(*) FROM newest WHERE said = 'five'").await,
            1,
            "{}",
            of.engine()
        );
        assert_eq!(of.number("SELECT COUNT(*) FROM outbox").await, 1, "{}", of.engine());
    }
}

#[tokio::test]
async fn an_effect_that_is_dropped_never_happened() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let mut effect = database.effect(athlete(1)).await.unwrap();
        assert_eq!(effect.next().await.unwrap(), 1);
        effect.bump_version();
        effect.publish(draft(athlete(1), "never")).await.unwrap();
        drop(effect);
        let mut effect = database.effect(athlete(1)).await.unwrap();
        assert_eq!((effect.version(), effect.next().await.unwrap()), (0, 1), "{}", of.engine());
        assert_eq!(of.number("SELECT COUNT(*) FROM outbox").await, 0, "{}", of.engine());
    }
}

#[tokio::test]
async fn counter_and_version_are_kept_and_the_version_moves_once_per_effect() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        for round in 1..=3 {
            let mut effect = database.effect(athlete(1)).await.unwrap();
            assert_eq!(effect.next().await.unwrap(), 2 * round - 1);
            assert_eq!(effect.next().await.unwrap(), 2 * round);
            effect.bump_version();
            effect.bump_version();
            effect.commit().await.unwrap();
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
async fn an_event_is_stamped_by_the_clock_named_by_the_ids_and_refused_when_too_large() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let effect = database.effect(athlete(1)).await.unwrap();
        let id = effect.publish(draft(athlete(1), "fits")).await.unwrap();
        let refused = effect.publish(draft(athlete(1), "x".repeat(MAX_RECORD_BYTES))).await;
        assert!(matches!(refused, Err(StoreError::Inconsistent { .. })), "{refused:?}");
        effect.commit().await.unwrap();
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
async fn a_row_held_by_another_transaction_is_contended_and_succeeds_once_it_is_let_go() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let other = Database::open(&of.target(), crate::support::own()).await.unwrap();
        let held = other.effect(athlete(1)).await.unwrap();
        let waiting = Arc::new(database);
        let work = waiting.clone();
        let late = async move {
            again_if_contended(|| async { work.effect(athlete(1)).await?.commit().await }).await
        };
        let release = async {
            tokio::time::sleep(std::time::Duration::from_millis(6500)).await;
            held.commit().await.unwrap();
        };
        let (late, ()) = futures::future::join(late, release).await;
        late.unwrap_or_else(|error| panic!("{}: {error:?}", of.engine()));
    }
}

#[tokio::test]
async fn live_work_waits_for_at_most_one_transaction_of_bulk_work() {
    let of = testkit::TestDatabase::sqlite();
    let (live, _) = open(&of).await;
    let bulk = live.for_bulk();
    let done = Mutex::new(Vec::new());
    let held = live.effect(athlete(9)).await.unwrap();
    let run = async |database: &Database, who: u128, what: &'static str| {
        let effect = database.effect(athlete(who)).await.unwrap();
        effect.commit().await.unwrap();
        done.lock().unwrap().push(what);
    };
    let bulks = join_all((0..5).map(|who| run(&bulk, who, "bulk")));
    let late = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let release = async {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            held.commit().await.unwrap();
        };
        futures::future::join(run(&live, 7, "live"), release).await;
    };
    futures::future::join(bulks, late).await;
    let done = done.into_inner().unwrap();
    assert!(done.iter().position(|what| *what == "live") <= Some(1), "{done:?}");
    assert_eq!(done.len(), 6);
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_away_and_counts_against_nobody() {
    let target = outbox::Target::MySql {
        url: "mysql://nobody@127.0.0.1:1/".parse().unwrap(),
        name: "paceline_test_nowhere".to_owned(),
    };
    let error = Database::open(&target, vec![]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(matches!(error.into(), event_bus::HandleError::Unavailable(_)));
}

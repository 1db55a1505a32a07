//! Replay state: complete, incomplete, requested.

use std::time::Duration;

use contracts::Topic;
use outbox::replay_state::{self, PartitionOf, SyncState};
use outbox::{Database, StoreError};
use testkit::databases;
use tokio::sync::Notify;

use crate::support::{NOW, open};

async fn state(database: &Database, after: Duration) -> SyncState {
    replay_state::load(database.readers(), Topic::Activities, NOW.plus(after)).await.unwrap()
}

async fn done(database: &Database, replay: &str, partition: i32) -> bool {
    let on = PartitionOf { partition, count: 3 };
    database
        .run_plain("record_done", |tx| async move {
            replay_state::record_done(tx.conn(), Topic::Activities, replay, on, NOW).await
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn a_service_is_incomplete_until_its_replay_has_ended_on_every_partition() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        assert_eq!(
            state(&database, Duration::ZERO).await,
            SyncState::Incomplete,
            "{}",
            of.engine()
        );
        replay_state::record_request(database.writer(), Topic::Activities, "r1", NOW)
            .await
            .unwrap();
        let requested = SyncState::Requested { replay: "r1".to_owned(), at: NOW };
        assert_eq!(state(&database, Duration::ZERO).await, requested, "{}", of.engine());
        assert!(
            !done(&database, "r1", 0).await && !done(&database, "r1", 0).await,
            "the same partition twice"
        );
        assert!(!done(&database, "another", 1).await && !done(&database, "r1", 2).await);
        assert_eq!(state(&database, Duration::ZERO).await, requested, "{}", of.engine());
        assert!(done(&database, "r1", 1).await, "{}", of.engine());
        assert_eq!(state(&database, Duration::ZERO).await, SyncState::Complete, "{}", of.engine());
        assert!(!done(&database, "r1", 1).await, "an answer that comes again says nothing");
    }
}

#[tokio::test]
async fn the_last_two_answers_at_once_complete_the_topic() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        replay_state::record_request(database.writer(), Topic::Activities, "r1", NOW)
            .await
            .unwrap();
        assert!(!done(&database, "r1", 0).await);
        let recorded = Notify::new();
        let first = database.run_plain("record_done", |tx| {
            let recorded = &recorded;
            async move {
                let on = PartitionOf { partition: 1, count: 3 };
                let complete =
                    replay_state::record_done(tx.conn(), Topic::Activities, "r1", on, NOW).await?;
                recorded.notify_one();
                // Long enough for the other one to come to its count if nothing holds it up.
                tokio::time::sleep(Duration::from_millis(300)).await;
                Ok::<_, StoreError>(complete)
            }
        });
        let second = async {
            recorded.notified().await;
            done(&database, "r1", 2).await
        };
        let (first, last) = futures::future::join(first, second).await;
        assert!(!first.unwrap(), "{}", of.engine());
        assert!(last, "{}", of.engine());
        assert_eq!(state(&database, Duration::ZERO).await, SyncState::Complete, "{}", of.engine());
    }
}

#[tokio::test]
async fn more_than_42_hours_behind_is_incomplete_and_a_later_record_does_not_hide_it() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        replay_state::set_complete(database.writer(), Topic::Activities, NOW).await.unwrap();
        let hours = Duration::from_hours;
        replay_state::record_caught_up(database.writer(), Topic::Activities, NOW.plus(hours(20)))
            .await
            .unwrap();
        assert_eq!(state(&database, hours(61)).await, SyncState::Complete, "{}", of.engine());
        assert_eq!(state(&database, hours(63)).await, SyncState::Incomplete, "{}", of.engine());
        replay_state::record_caught_up(database.writer(), Topic::Activities, NOW.plus(hours(63)))
            .await
            .unwrap();
        assert_eq!(state(&database, hours(63)).await, SyncState::Incomplete, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_request_unanswered_for_an_hour_is_made_again_and_the_old_answer_ignored() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        replay_state::record_request(database.writer(), Topic::Activities, "r1", NOW)
            .await
            .unwrap();
        assert_eq!(
            state(&database, replay_state::REQUEST_TIMEOUT).await,
            SyncState::Incomplete,
            "{}",
            of.engine()
        );
        replay_state::record_request(database.writer(), Topic::Activities, "r2", NOW)
            .await
            .unwrap();
        for partition in 0..3 {
            assert!(!done(&database, "r1", partition).await, "{}", of.engine());
        }
    }
}

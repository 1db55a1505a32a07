//! Whether a service has everything.

use std::time::Duration;

use contracts::Topic;
use outbox::Database;
use outbox::caught_up::{self, OnPartition, Standing};
use testkit::databases;

use crate::support::{NOW, open};

async fn standing(database: &Database, after: Duration) -> Standing {
    caught_up::standing(database.readers(), Topic::Activities, NOW.plus(after)).await.unwrap()
}

async fn done(database: &Database, replay: &str, partition: i32) -> bool {
    let unit = database.plain().await.unwrap();
    let on = OnPartition { partition, of: 3 };
    let complete = caught_up::done(unit.conn(), Topic::Activities, replay, on, NOW).await.unwrap();
    unit.commit().await.unwrap();
    complete
}

#[tokio::test]
async fn a_service_is_incomplete_until_its_replay_has_ended_on_every_partition() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        assert_eq!(
            standing(&database, Duration::ZERO).await,
            Standing::Incomplete,
            "{}",
            of.engine()
        );
        caught_up::asked(database.writer(), Topic::Activities, "r1", NOW).await.unwrap();
        let asked = Standing::Asked { replay: "r1".to_owned(), at: NOW };
        assert_eq!(standing(&database, Duration::ZERO).await, asked, "{}", of.engine());
        assert!(
            !done(&database, "r1", 0).await && !done(&database, "r1", 0).await,
            "the same partition twice"
        );
        assert!(!done(&database, "another", 1).await && !done(&database, "r1", 2).await);
        assert_eq!(standing(&database, Duration::ZERO).await, asked, "{}", of.engine());
        assert!(done(&database, "r1", 1).await, "{}", of.engine());
        assert_eq!(
            standing(&database, Duration::ZERO).await,
            Standing::Complete,
            "{}",
            of.engine()
        );
        assert!(!done(&database, "r1", 1).await, "an answer that comes again says nothing");
    }
}

#[tokio::test]
async fn the_last_two_answers_at_once_complete_the_topic() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        caught_up::asked(database.writer(), Topic::Activities, "r1", NOW).await.unwrap();
        assert!(!done(&database, "r1", 0).await);
        let first = database.plain().await.unwrap();
        let on = OnPartition { partition: 1, of: 3 };
        assert!(
            !caught_up::done(first.conn(), Topic::Activities, "r1", on, NOW).await.unwrap(),
            "{}",
            of.engine()
        );
        let commit = async {
            // Long enough for the other one to come to its count if nothing holds it up.
            tokio::time::sleep(Duration::from_millis(300)).await;
            first.commit().await.unwrap();
        };
        let (last, ()) = futures::future::join(done(&database, "r1", 2), commit).await;
        assert!(last, "{}", of.engine());
        assert_eq!(
            standing(&database, Duration::ZERO).await,
            Standing::Complete,
            "{}",
            of.engine()
        );
    }
}

#[tokio::test]
async fn more_than_42_hours_without_being_caught_up_is_incomplete_and_a_note_later_does_not_hide_it()
 {
    for of in databases().await {
        let (database, _) = open(&of).await;
        caught_up::complete(database.writer(), Topic::Activities, NOW).await.unwrap();
        let hours = Duration::from_hours;
        caught_up::note(database.writer(), Topic::Activities, NOW.plus(hours(20))).await.unwrap();
        assert_eq!(standing(&database, hours(61)).await, Standing::Complete, "{}", of.engine());
        assert_eq!(standing(&database, hours(63)).await, Standing::Incomplete, "{}", of.engine());
        caught_up::note(database.writer(), Topic::Activities, NOW.plus(hours(63))).await.unwrap();
        assert_eq!(standing(&database, hours(63)).await, Standing::Incomplete, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_question_unanswered_for_an_hour_is_put_again_and_the_old_answer_counts_no_more() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        caught_up::asked(database.writer(), Topic::Activities, "r1", NOW).await.unwrap();
        assert_eq!(
            standing(&database, caught_up::ASK_AGAIN).await,
            Standing::Incomplete,
            "{}",
            of.engine()
        );
        caught_up::asked(database.writer(), Topic::Activities, "r2", NOW).await.unwrap();
        for partition in 0..3 {
            assert!(!done(&database, "r1", partition).await, "{}", of.engine());
        }
    }
}

//! Wanting: one job per subject, and a hint that comes while it runs is not lost.

use std::time::Duration;

use futures::future::join_all;
use jobs::{CloseResult, Retry, State, priority};
use serde_json::json;
use testkit::databases;

use crate::support::{KIND, NOW, job, open};

#[tokio::test]
async fn a_job_wanted_again_while_it_runs_stays_open() {
    for of in databases().await {
        let desk = open(&of).await;
        desk.enqueue(job(1, "run")).await;
        let running = desk.claim().await.unwrap();
        desk.enqueue(job(1, "run")).await;
        let closed = desk.close(&running).await.unwrap();
        assert_eq!(closed, CloseResult::WantedAgain, "{}", of.engine());
        let again = desk.claim().await.unwrap();
        assert_eq!((again.id, again.wanted, again.attempts), (running.id, 2, 1), "{}", of.engine());
        let closed = desk.close(&again).await.unwrap();
        assert_eq!((closed, desk.claim().await), (CloseResult::Closed, None), "{}", of.engine());
    }
}

#[tokio::test]
async fn putting_a_job_off_does_not_put_off_what_it_was_wanted_for_meanwhile() {
    for of in databases().await {
        let desk = open(&of).await;
        let tomorrow = NOW.plus(Duration::from_hours(24));
        desk.enqueue(job(1, "run")).await;
        let running = desk.claim().await.unwrap();
        desk.enqueue(job(1, "run")).await;
        desk.reschedule(
            &running,
            Retry { due: tomorrow, reason: "the window is full", counts: false },
        )
        .await;
        let again = desk.claim().await.unwrap();
        assert_eq!((again.id, again.wanted), (running.id, 2), "{}", of.engine());
        desk.reschedule(
            &again,
            Retry { due: tomorrow, reason: "the window is full", counts: false },
        )
        .await;
        assert_eq!(desk.claim().await, None, "{}", of.engine());
        let seen = desk.queue.find(KIND, "run").await.unwrap().unwrap();
        assert_eq!(seen.due, tomorrow, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_job_given_up_while_it_was_wanted_again_stays_open() {
    for of in databases().await {
        let desk = open(&of).await;
        desk.enqueue(job(1, "run")).await;
        let running = desk.claim().await.unwrap();
        desk.enqueue(job(1, "run")).await;
        desk.fail(&running, "no such activity").await;
        let again = desk.claim().await.unwrap();
        desk.fail(&again, "no such activity").await;
        let seen = desk.queue.find(KIND, "run").await.unwrap().unwrap();
        assert_eq!(
            (seen.state, seen.last_error.as_str()),
            (State::Failed, "no such activity"),
            "{}",
            of.engine()
        );
        assert_eq!(desk.claim().await, None, "{}", of.engine());
        desk.enqueue(job(1, "run")).await;
        assert_eq!(desk.claim().await.unwrap().attempts, 1, "{}", of.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_often_and_at_once_it_is_wanted_there_is_one_job() {
    for of in databases().await {
        let desk = open(&of).await;
        let wants = (0..50).map(|_| async {
            let (queue, job) = (&desk.queue, &job(1, "run"));
            desk.database
                .run_plain("enqueue", |tx| async move { queue.enqueue(&tx, job).await })
                .await
        });
        for outcome in join_all(wants).await {
            outcome.unwrap_or_else(|error| panic!("{}: {error:?}", of.engine()));
        }
        assert_eq!(of.query_i64("SELECT COUNT(*) FROM job").await, 1, "{}", of.engine());
        assert_eq!(of.query_i64("SELECT wanted FROM job").await, 50, "{}", of.engine());
    }
}

#[tokio::test]
async fn the_earliest_due_and_the_most_urgent_priority_win_with_its_payload() {
    for of in databases().await {
        let desk = open(&of).await;
        let with = |priority, after, payload| {
            let mut wanted = job(1, "run");
            (wanted.priority, wanted.payload) = (priority, payload);
            wanted.due = NOW.plus(Duration::from_secs(after));
            wanted
        };
        desk.enqueue(with(priority::RECONCILE, 60, json!("sweep"))).await;
        desk.enqueue(with(priority::BACKFILL, 30, json!("history"))).await;
        let seen = desk.queue.find(KIND, "run").await.unwrap().unwrap();
        assert_eq!(
            (seen.priority, seen.payload),
            (priority::RECONCILE, json!("sweep")),
            "{}",
            of.engine()
        );
        assert_eq!(seen.due, NOW.plus(Duration::from_secs(30)), "{}", of.engine());
        desk.enqueue(with(priority::LIVE, 90, json!("hint"))).await;
        let seen = desk.queue.find(KIND, "run").await.unwrap().unwrap();
        assert_eq!(
            (seen.priority, seen.payload),
            (priority::LIVE, json!("hint")),
            "{}",
            of.engine()
        );
        assert_eq!(
            (seen.due, seen.wanted),
            (NOW.plus(Duration::from_secs(30)), 3),
            "{}",
            of.engine()
        );
    }
}

#[tokio::test]
async fn a_hint_older_than_the_last_answer_wants_nothing() {
    for of in databases().await {
        let desk = open(&of).await;
        let hint = |at| {
            let mut wanted = job(1, "run");
            wanted.not_if_answered_after = Some(at);
            wanted
        };
        desk.enqueue(hint(NOW)).await;
        desk.clock.advance(Duration::from_secs(10));
        assert_eq!(desk.work_off().await, ["run"], "{}", of.engine());
        desk.enqueue(hint(NOW.plus(Duration::from_secs(9)))).await;
        assert_eq!(desk.claim().await, None, "{}", of.engine());
        desk.enqueue(hint(NOW.plus(Duration::from_secs(10)))).await;
        assert_eq!(desk.claim().await.unwrap().wanted, 2, "{}", of.engine());
    }
}

#[tokio::test]
async fn progress_is_kept_for_whoever_claims_the_job_next() {
    for of in databases().await {
        let desk = open(&of).await;
        desk.enqueue(job(1, "history")).await;
        let first = desk.claim().await.unwrap();
        assert!(desk.save_progress(&first, &json!({"before": 17})).await);
        desk.reschedule(&first, Retry { due: NOW, reason: "the window is full", counts: false })
            .await;
        let second = desk.claim().await.unwrap();
        assert_eq!(
            (second.payload.clone(), second.attempts),
            (json!({"before": 17}), 1),
            "{}",
            of.engine()
        );
        let mut anew = job(1, "history");
        anew.payload = json!({"generation": 2});
        desk.enqueue(anew).await;
        assert!(!desk.save_progress(&second, &json!({"before": 16})).await, "{}", of.engine());
        desk.reschedule(&second, Retry { due: NOW, reason: "stopped", counts: false }).await;
        assert_eq!(
            desk.claim().await.unwrap().payload,
            json!({"generation": 2}),
            "{}",
            of.engine()
        );
    }
}

#[tokio::test]
async fn closed_jobs_are_purged_and_open_ones_are_not() {
    for of in databases().await {
        let desk = open(&of).await;
        desk.enqueue(job(1, "done")).await;
        desk.work_off().await;
        desk.enqueue(job(1, "open")).await;
        assert_eq!(
            desk.queue.purge(NOW.plus(Duration::from_hours(1))).await.unwrap(),
            1,
            "{}",
            of.engine()
        );
        assert_eq!(desk.queue.find(KIND, "done").await.unwrap(), None, "{}", of.engine());
        assert!(desk.queue.find(KIND, "open").await.unwrap().is_some(), "{}", of.engine());
    }
}

#[tokio::test]
async fn jobs_given_up_long_ago_are_purged_and_the_others_are_not() {
    for of in databases().await {
        let desk = open(&of).await;
        desk.enqueue(job(1, "old")).await;
        let old = desk.claim().await.unwrap();
        desk.fail(&old, "no such activity").await;
        let mut recent = job(1, "recent");
        recent.due = NOW.plus(Duration::from_hours(2));
        desk.enqueue(recent).await;
        desk.clock.advance(Duration::from_hours(2));
        let recent = desk.claim().await.unwrap();
        desk.fail(&recent, "no such activity").await;
        desk.enqueue(job(1, "open")).await;
        let purged = desk.queue.purge_failed(NOW.plus(Duration::from_hours(1))).await.unwrap();
        assert_eq!(purged, 1, "{}", of.engine());
        assert_eq!(desk.queue.find(KIND, "old").await.unwrap(), None, "{}", of.engine());
        for subject in ["recent", "open"] {
            assert!(desk.queue.find(KIND, subject).await.unwrap().is_some(), "{}", of.engine());
        }
    }
}

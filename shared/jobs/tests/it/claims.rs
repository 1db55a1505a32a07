//! Claims: one holder at a time, the most urgent first, fair between athletes.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use jobs::{CloseResult, JobRequest, Retry, State, priority};
use kernel::{ApplicationId, Source};
use outbox::StoreError;
use testkit::databases;

use crate::support::{KIND, LEASE, NOW, athlete, job, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_never_hold_the_same_job() {
    for of in databases().await {
        let (here, there) = (open(&of).await, open(&of).await);
        for n in 0..40 {
            here.enqueue(job(n, &n.to_string())).await;
        }
        let claims = join_all((0..60).map(|n| {
            let desk = if n % 2 == 0 { &here } else { &there };
            desk.claim()
        }))
        .await;
        let held: Vec<_> = claims.into_iter().flatten().map(|job| job.subject).collect();
        let distinct: HashSet<_> = held.iter().collect();
        assert_eq!((held.len(), distinct.len()), (40, 40), "{}", of.engine());
    }
}

#[tokio::test]
async fn an_expired_lease_is_taken_over_and_the_old_holder_can_change_nothing() {
    for of in databases().await {
        let desk = open(&of).await;
        desk.enqueue(job(1, "run")).await;
        let old = desk.claim().await.unwrap();
        assert_eq!(desk.claim().await, None, "{}", of.engine());
        desk.clock.advance(LEASE + Duration::from_secs(1));
        let new = desk.claim().await.unwrap();
        assert_eq!(
            (new.id, new.epoch, new.attempts),
            (old.id, old.epoch + 1, 2),
            "{}",
            of.engine()
        );

        let (queue, old_claim, new_claim) = (&desk.queue, &old, &new);
        let held = desk.database.run_plain("lock", |tx| async move {
            let old = queue.lock_claimed(&tx, old_claim).await?;
            let new = queue.lock_claimed(&tx, new_claim).await?;
            Ok::<_, StoreError>((old, new))
        });
        assert_eq!(held.await.unwrap(), (false, true), "{}", of.engine());
        assert!(desk.close(&old).await.is_err(), "{}", of.engine());
        assert!(!desk.queue.extend_lease(&old, LEASE).await.unwrap(), "{}", of.engine());
        assert!(
            !desk.save_progress(&old, &serde_json::json!({"late": true})).await,
            "{}",
            of.engine()
        );
        desk.reschedule(&old, Retry { due: NOW, reason: "late", counts: true }).await;
        desk.fail(&old, "late").await;
        let seen = desk.queue.find(KIND, "run").await.unwrap().unwrap();
        assert_eq!((seen.state, seen.last_error.as_str()), (State::Open, ""), "{}", of.engine());
        assert_eq!(desk.claim().await, None, "the new holder still holds it");
        assert_eq!(desk.close(&new).await.unwrap(), CloseResult::Closed, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_lease_that_is_extended_is_not_taken_over() {
    for of in databases().await {
        let desk = open(&of).await;
        desk.enqueue(job(1, "run")).await;
        let held = desk.claim().await.unwrap();
        desk.clock.advance(LEASE / 2);
        assert!(desk.queue.extend_lease(&held, LEASE).await.unwrap());
        desk.clock.advance(LEASE * 3 / 4);
        assert_eq!(desk.claim().await, None, "{}", of.engine());
    }
}

#[tokio::test]
async fn the_most_urgent_comes_first_and_nothing_comes_before_it_is_due() {
    for of in databases().await {
        let desk = open(&of).await;
        let with = |of, subject, priority, after| {
            let mut wanted = job(of, subject);
            (wanted.priority, wanted.due) = (priority, NOW.plus(Duration::from_secs(after)));
            wanted
        };
        desk.enqueue(with(1, "history", priority::BACKFILL, 0)).await;
        desk.enqueue(with(2, "look", priority::RECONCILE, 0)).await;
        desk.enqueue(with(3, "hint", priority::LIVE, 0)).await;
        desk.enqueue(with(4, "later", priority::LOGIN, 3600)).await;
        assert_eq!(desk.work_off().await, ["hint", "look", "history"], "{}", of.engine());
        desk.clock.advance(Duration::from_hours(1));
        assert_eq!(desk.work_off().await, ["later"], "{}", of.engine());
    }
}

#[tokio::test]
async fn an_athlete_with_many_jobs_takes_turns_with_one_who_has_few() {
    for of in databases().await {
        let desk = open(&of).await;
        for n in 0..20 {
            let mut early = job(1, &format!("many {n:02}"));
            early.due = NOW.plus(Duration::from_micros(n));
            desk.enqueue(early).await;
        }
        desk.clock.advance(Duration::from_secs(2));
        for n in 0..3 {
            let mut late = job(2, &format!("few {n}"));
            late.due = NOW.plus(Duration::from_secs(1)).plus(Duration::from_micros(n));
            desk.enqueue(late).await;
        }
        let order = desk.work_off().await;
        assert_eq!(
            order[..6],
            ["many 00", "few 0", "many 01", "few 1", "many 02", "few 2"],
            "{}",
            of.engine()
        );
        assert_eq!(order.len(), 23, "{}", of.engine());
    }
}

#[tokio::test]
async fn a_failing_athlete_does_not_hold_up_another() {
    for of in databases().await {
        let desk = open(&of).await;
        for n in 0..10 {
            desk.enqueue(job(1, &format!("fails {n}"))).await;
            desk.enqueue(job(2, &format!("works {n}"))).await;
        }
        let mut worked = 0;
        for _ in 0..20 {
            let Some(claimed) = desk.claim().await else { break };
            desk.clock.advance(Duration::from_millis(10));
            if claimed.athlete == Some(athlete(1)) {
                let due = desk.clock_now().plus(jobs::backoff(claimed.attempts));
                desk.reschedule(
                    &claimed,
                    Retry { due, reason: "Strava is down for this one", counts: true },
                )
                .await;
            } else {
                desk.close(&claimed).await.unwrap();
                worked += 1;
            }
        }
        assert_eq!(worked, 10, "{}", of.engine());
        let waiting = desk.queue.find(KIND, "fails 3").await.unwrap().unwrap();
        assert_eq!(
            (waiting.attempts, waiting.last_error.as_str()),
            (1, "Strava is down for this one")
        );
    }
}

#[tokio::test]
async fn one_athlete_has_one_running_job_of_a_kind_while_others_go_on() {
    for of in databases().await {
        let desk = open(&of).await;
        desk.enqueue(job(1, "a")).await;
        desk.enqueue(job(1, "b")).await;
        desk.enqueue(job(2, "c")).await;
        let first = desk.claim().await.unwrap();
        let second = desk.claim().await.unwrap();
        assert_eq!(
            (first.athlete, second.athlete),
            (Some(athlete(1)), Some(athlete(2))),
            "{}",
            of.engine()
        );
        assert_eq!(desk.claim().await, None, "{}", of.engine());
        desk.close(&first).await.unwrap();
        assert_eq!(desk.claim().await.unwrap().subject, "b", "{}", of.engine());
    }
}

#[tokio::test]
async fn jobs_of_an_athlete_who_withdrew_are_forgotten_also_the_running_one() {
    for of in databases().await {
        let desk = open(&of).await;
        desk.enqueue(job(1, "a")).await;
        desk.enqueue(job(1, "b")).await;
        desk.enqueue(job(2, "c")).await;
        let running = desk.claim().await.unwrap();
        let queue = &desk.queue;
        let deleted = desk.database.run("delete", athlete(1), |tx| async move {
            queue.delete_for_athlete(&tx, athlete(1)).await
        });
        assert_eq!(deleted.await.unwrap(), 2, "{}", of.engine());
        assert!(!desk.queue.extend_lease(&running, LEASE).await.unwrap(), "{}", of.engine());
        assert_eq!(desk.work_off().await, ["c"], "{}", of.engine());
    }
}

#[tokio::test]
async fn what_is_withdrawn_at_one_source_leaves_the_jobs_of_the_others() {
    for of in databases().await {
        let desk = open(&of).await;
        let other = Source::Strava(ApplicationId::new(2));
        desk.enqueue(job(1, "withdrawn")).await;
        desk.enqueue(JobRequest { source: Some(other), ..job(1, "application") }).await;
        desk.enqueue(JobRequest { source: Some(Source::File), ..job(1, "file") }).await;
        desk.enqueue(JobRequest { source: None, ..job(1, "no source") }).await;
        desk.enqueue(job(2, "athlete")).await;
        let queue = &desk.queue;
        let withdrawn = job(1, "").source.unwrap();
        let deleted = desk.database.run("delete", athlete(1), |tx| async move {
            queue.delete_for_source(&tx, athlete(1), withdrawn).await
        });
        assert_eq!(deleted.await.unwrap(), 1, "{}", of.engine());
        let mut left = desk.work_off().await;
        left.sort();
        assert_eq!(left, ["application", "athlete", "file", "no source"], "{}", of.engine());
    }
}

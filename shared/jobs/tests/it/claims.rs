//! Claims: one holder at a time, the most urgent first, fair between athletes.

use std::collections::HashSet;
use std::time::Duration;

use futures::future::join_all;
use jobs::{Closed, State, priority};
use testkit::databases;

use crate::support::{KIND, LEASE, NOW, athlete, job, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_never_hold_the_same_job() {
    for of in databases().await {
        let (here, there) = (open(&of).await, open(&of).await);
        for n in 0..40 {
            here.want(job(n, &n.to_string())).await;
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
        desk.want(job(1, "run")).await;
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

        let unit = desk.database.plain().await.unwrap();
        assert!(!desk.queue.holds(unit.conn(), &old).await.unwrap(), "{}", of.engine());
        assert!(desk.queue.holds(unit.conn(), &new).await.unwrap(), "{}", of.engine());
        drop(unit);
        assert!(desk.queue.done(desk.database.writer(), &old).await.is_err(), "{}", of.engine());
        assert!(!desk.queue.extend(&old, LEASE).await.unwrap(), "{}", of.engine());
        assert!(
            !desk.queue.progress(&old, &serde_json::json!({"late": true})).await.unwrap(),
            "{}",
            of.engine()
        );
        desk.queue.later(&old, NOW, "late", true).await.unwrap();
        desk.queue.failed_for_good(&old, "late").await.unwrap();
        let seen = desk.queue.find(KIND, "run").await.unwrap().unwrap();
        assert_eq!((seen.state, seen.last_error.as_str()), (State::Open, ""), "{}", of.engine());
        assert_eq!(desk.claim().await, None, "the new holder still holds it");
        assert_eq!(
            desk.queue.done(desk.database.writer(), &new).await.unwrap(),
            Closed::Closed,
            "{}",
            of.engine()
        );
    }
}

#[tokio::test]
async fn a_lease_that_is_extended_is_not_taken_over() {
    for of in databases().await {
        let desk = open(&of).await;
        desk.want(job(1, "run")).await;
        let held = desk.claim().await.unwrap();
        desk.clock.advance(LEASE / 2);
        assert!(desk.queue.extend(&held, LEASE).await.unwrap());
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
        desk.want(with(1, "history", priority::BACKFILL, 0)).await;
        desk.want(with(2, "look", priority::RECONCILE, 0)).await;
        desk.want(with(3, "hint", priority::LIVE, 0)).await;
        desk.want(with(4, "later", priority::LOGIN, 3600)).await;
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
            desk.want(early).await;
        }
        desk.clock.advance(Duration::from_secs(2));
        for n in 0..3 {
            let mut late = job(2, &format!("few {n}"));
            late.due = NOW.plus(Duration::from_secs(1)).plus(Duration::from_micros(n));
            desk.want(late).await;
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
            desk.want(job(1, &format!("fails {n}"))).await;
            desk.want(job(2, &format!("works {n}"))).await;
        }
        let mut worked = 0;
        for _ in 0..20 {
            let Some(claimed) = desk.claim().await else { break };
            desk.clock.advance(Duration::from_millis(10));
            if claimed.athlete == Some(athlete(1)) {
                let due = desk.clock_now().plus(jobs::backoff(claimed.attempts));
                desk.queue.later(&claimed, due, "Strava is down for this one", true).await.unwrap();
            } else {
                desk.queue.done(desk.database.writer(), &claimed).await.unwrap();
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
        desk.want(job(1, "a")).await;
        desk.want(job(1, "b")).await;
        desk.want(job(2, "c")).await;
        let first = desk.claim().await.unwrap();
        let second = desk.claim().await.unwrap();
        assert_eq!(
            (first.athlete, second.athlete),
            (Some(athlete(1)), Some(athlete(2))),
            "{}",
            of.engine()
        );
        assert_eq!(desk.claim().await, None, "{}", of.engine());
        desk.queue.done(desk.database.writer(), &first).await.unwrap();
        assert_eq!(desk.claim().await.unwrap().subject, "b", "{}", of.engine());
    }
}

#[tokio::test]
async fn jobs_of_an_athlete_who_withdrew_are_forgotten_also_the_running_one() {
    for of in databases().await {
        let desk = open(&of).await;
        desk.want(job(1, "a")).await;
        desk.want(job(1, "b")).await;
        desk.want(job(2, "c")).await;
        let running = desk.claim().await.unwrap();
        let unit = desk.database.effect(athlete(1)).await.unwrap();
        assert_eq!(desk.queue.forget(unit.conn(), athlete(1)).await.unwrap(), 2, "{}", of.engine());
        unit.commit().await.unwrap();
        assert!(!desk.queue.extend(&running, LEASE).await.unwrap(), "{}", of.engine());
        assert_eq!(desk.work_off().await, ["c"], "{}", of.engine());
    }
}

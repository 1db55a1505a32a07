//! The budget under concurrency, and what Strava's own figures do to it.

use std::time::Duration;

use futures::future::join_all;
use strava_client::lease::{LeaseError, Purpose, Report};
use testkit::TestDatabase;

use crate::world::{CHILD, GUARDIAN, World, new_athlete};

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_is_never_overspent_however_many_ask_at_once() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let athletes = [new_athlete(), new_athlete()];
        let generations =
            [world.connect(athletes[0], GUARDIAN).await, world.connect(athletes[1], CHILD).await];
        let ask = |number: usize| {
            world.lease(athletes[number % 2], generations[number % 2], Purpose::Login)
        };

        let answers = join_all((0..150).map(ask)).await;

        let granted = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(granted, 100, "the read bucket of a quarter of an hour");
        for refused in answers.into_iter().filter_map(Result::err) {
            assert!(matches!(refused, LeaseError::RetryAt(_)), "{refused:?}");
        }
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_cannot_take_what_live_events_need() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    let mut taken = 0;
    while world.lease(athlete, generation, Purpose::Backfill).await.is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 80);
    for purpose in [Purpose::Reconcile, Purpose::Copy, Purpose::Live, Purpose::Login] {
        assert!(world.lease(athlete, generation, purpose).await.is_ok(), "{purpose:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_backfills_share() {
    let world = World::new(TestDatabase::sqlite()).await;
    let (greedy, modest) = (new_athlete(), new_athlete());
    let of_greedy = world.connect(greedy, GUARDIAN).await;
    let of_modest = world.connect(modest, CHILD).await;
    assert!(world.lease(modest, of_modest, Purpose::Backfill).await.is_ok());
    let mut taken = 0;
    while world.lease(greedy, of_greedy, Purpose::Backfill).await.is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 40, "half of what backfills may take");
    assert!(world.lease(modest, of_modest, Purpose::Backfill).await.is_ok());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stravas_own_figures_are_believed() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    let limits = serde_json::json!({"overall_15min": 400, "overall_day": 4000, "read_15min": 30, "read_day": 2000});
    world.sim("limits", serde_json::json!({"limits": limits})).await;
    let lease = world.lease(athlete, generation, Purpose::Login).await.unwrap();
    // Somebody else uses the application too.
    for _ in 0..27 {
        world.strava.get_athlete(&lease.access_token).await.unwrap();
    }
    let last = world.strava.get_athlete(&lease.access_token).await;
    world.leases.report_usage(lease.id, &Report::for_read(&last)).await.unwrap();

    assert!(world.lease(athlete, generation, Purpose::Login).await.is_ok());
    assert!(world.lease(athlete, generation, Purpose::Login).await.is_ok());
    assert!(matches!(
        world.lease(athlete, generation, Purpose::Login).await,
        Err(LeaseError::RetryAt(_))
    ));
    world.later(Duration::from_mins(15)).await;
    assert!(world.lease(athlete, generation, Purpose::Login).await.is_ok());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_429_everybody_waits_for_the_next_window() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    let lease = world.lease(athlete, generation, Purpose::Live).await.unwrap();
    world
        .sim(
            "faults",
            serde_json::json!({"endpoint": "GET /athlete", "kind": "rate_limit", "count": 1}),
        )
        .await;
    let limited = world.strava.get_athlete(&lease.access_token).await;
    world.leases.report_usage(lease.id, &Report::for_read(&limited)).await.unwrap();
    let LeaseError::RetryAt(at) =
        world.lease(athlete, generation, Purpose::Login).await.unwrap_err()
    else {
        panic!("it is a matter of time");
    };
    assert_eq!(at.as_secs() % 900, 0);
    world.later(Duration::from_mins(15)).await;
    assert!(world.lease(athlete, generation, Purpose::Login).await.is_ok());
    world.end().await;
}

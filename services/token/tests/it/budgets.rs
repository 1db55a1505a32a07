//! The budget under concurrency, and what Strava's own figures do to it.

use std::time::Duration;

use futures::future::join_all;
use strava_client::lease::{LeaseError, Purpose, Report};
use testkit::TestDatabase;

use crate::test_app::{CHILD, GUARDIAN, TestApp, new_athlete};

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_is_never_overspent_however_many_ask_at_once() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athletes = [new_athlete(), new_athlete()];
        let generations =
            [app.connect(athletes[0], GUARDIAN).await, app.connect(athletes[1], CHILD).await];
        let ask = |number: usize| {
            app.request_lease(athletes[number % 2], generations[number % 2], Purpose::Login)
        };

        let answers = join_all((0..150).map(ask)).await;

        let (granted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        for refused in refused.into_iter().filter_map(Result::err) {
            assert!(matches!(refused, LeaseError::RetryAt(_)), "{refused:?}");
        }
        assert_eq!(granted.len(), 100, "the read bucket of a quarter of an hour");
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_cannot_take_what_live_events_need() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    let mut taken = 0;
    while app.request_lease(athlete, generation, Purpose::Backfill).await.is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 80);
    for purpose in [Purpose::Reconcile, Purpose::Copy, Purpose::Live, Purpose::Login] {
        assert!(app.request_lease(athlete, generation, purpose).await.is_ok(), "{purpose:?}");
    }
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_backfills_share() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let (greedy, modest) = (new_athlete(), new_athlete());
    let of_greedy = app.connect(greedy, GUARDIAN).await;
    let of_modest = app.connect(modest, CHILD).await;
    assert!(app.request_lease(modest, of_modest, Purpose::Backfill).await.is_ok());
    let mut taken = 0;
    while app.request_lease(greedy, of_greedy, Purpose::Backfill).await.is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 40, "half of what backfills may take");
    assert!(app.request_lease(modest, of_modest, Purpose::Backfill).await.is_ok());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stravas_own_figures_are_believed() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    let limits = serde_json::json!({"overall_15min": 400, "overall_day": 4000, "read_15min": 30, "read_day": 2000});
    app.control_sim("limits", serde_json::json!({"limits": limits})).await;
    let lease = app.request_lease(athlete, generation, Purpose::Login).await.unwrap();
    // Somebody else uses the application too.
    for _ in 0..27 {
        app.strava.get_athlete(&lease.access_token).await.unwrap();
    }
    let last = app.strava.get_athlete(&lease.access_token).await;
    app.leases.report_usage(lease.id, &Report::for_read(&last)).await.unwrap();

    assert!(app.request_lease(athlete, generation, Purpose::Login).await.is_ok());
    assert!(app.request_lease(athlete, generation, Purpose::Login).await.is_ok());
    assert!(matches!(
        app.request_lease(athlete, generation, Purpose::Login).await,
        Err(LeaseError::RetryAt(_))
    ));
    app.advance_clocks(Duration::from_mins(15)).await;
    assert!(app.request_lease(athlete, generation, Purpose::Login).await.is_ok());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_429_everybody_waits_for_the_next_window() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
    app.control_sim(
        "faults",
        serde_json::json!({"endpoint": "GET /athlete", "kind": "rate_limit", "count": 1}),
    )
    .await;
    let limited = app.strava.get_athlete(&lease.access_token).await;
    app.leases.report_usage(lease.id, &Report::for_read(&limited)).await.unwrap();
    let LeaseError::RetryAt(at) =
        app.request_lease(athlete, generation, Purpose::Login).await.unwrap_err()
    else {
        panic!("it is a matter of time");
    };
    assert_eq!(at.as_secs() % 900, 0);
    app.advance_clocks(Duration::from_mins(15)).await;
    assert!(app.request_lease(athlete, generation, Purpose::Login).await.is_ok());
    app.shut_down().await;
}

//! Refreshes: one at a time, never lost if it can be helped, honest if it cannot.

use std::time::Duration;

use serde_json::json;
use strava_client::lease::{DenialReason, LeaseError, Purpose};
use testkit::TestDatabase;

use crate::test_app::{GUARDIAN, StartOptions, TestApp, lease_request, new_athlete};

/// Loses an answer of Strava's to a refresh, which leaves the same as a crash before the store: an
/// intent, the old tokens here, perhaps new ones there.
async fn lose_an_answer(app: &TestApp, athlete: kernel::AthleteId) -> kernel::Generation {
    let generation = app.connect(athlete, GUARDIAN).await;
    app.advance_clocks(Duration::from_hours(7)).await;
    app.control_sim(
        "faults",
        json!({"endpoint": "* /oauth/token", "kind": "answer_lost", "count": 1}),
    )
    .await;
    let lost = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert!(matches!(lost, LeaseError::RetryAt(_)), "{lost:?}");
    assert_eq!(app.sim_counter("/refreshes").await, 1);
    generation
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_healed_while_the_refresh_token_still_works() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        app.control_sim("tokens/rotation", json!({"mode": "never"})).await;
        let generation = lose_an_answer(&app, athlete).await;
        let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
        assert!(app.strava.get_athlete(&lease.access_token).await.is_ok());
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_that_replaced_the_refresh_token_asks_for_a_reconnect() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        let generation = lose_an_answer(&app, athlete).await;
        let refused = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
        assert_eq!(refused, LeaseError::Denied(DenialReason::ReconnectNeeded));
        app.wait_for_state(athlete, "reconnect-needed", "refresh-lost").await;

        let again = app.connect(athlete, GUARDIAN).await;
        assert!(
            again > generation && app.request_lease(athlete, again, Purpose::Live).await.is_ok()
        );
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_still_good_is_lent_while_strava_refreshes_nothing() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    app.advance_clocks(Duration::from_mins(350)).await;
    app.control_sim("faults", json!({"endpoint": "* /oauth/token", "kind": "unavailable"})).await;
    let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
    assert!(app.strava.get_athlete(&lease.access_token).await.is_ok());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_client_secret_touches_no_connection() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    app.advance_clocks(Duration::from_hours(7)).await;
    app.control_sim("apps", json!({"id": 1, "secret": "changed"})).await;
    let refused = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert!(matches!(refused, LeaseError::RetryAt(_)), "{refused:?}");
    assert_eq!(app.fetch_connection(athlete).await["state"], "connected");
    app.control_sim("apps", json!({"id": 1, "secret": "sim-secret"})).await;
    assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_stored_also_when_nobody_waits_for_it_any_more() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    app.advance_clocks(Duration::from_hours(7)).await;
    app.control_sim(
        "faults",
        json!({"endpoint": "* /oauth/token", "kind": "slow", "delay_ms": 600, "count": 1}),
    )
    .await;
    let wanted = lease_request(athlete, generation, Purpose::Live, "gone");
    let gone =
        tokio::time::timeout(Duration::from_millis(200), app.leases.request_lease(&wanted)).await;
    assert!(gone.is_err(), "whoever asked has left");

    let lease = testkit::eventually(Duration::from_secs(5), "a lease", async || {
        app.request_lease(athlete, generation, Purpose::Live).await
    })
    .await;
    assert!(app.strava.get_athlete(&lease.access_token).await.is_ok());
    assert_eq!(app.sim_counter("/refreshes").await, 1);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_under_way_ends_during_a_soft_stop() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    app.advance_clocks(Duration::from_hours(7)).await;
    let slow = json!({"endpoint": "* /oauth/token", "kind": "slow", "delay_ms": 1500, "count": 1});
    app.control_sim("faults", slow).await;
    let wanted = lease_request(athlete, generation, Purpose::Live, "gone");
    let gone =
        tokio::time::timeout(Duration::from_millis(500), app.leases.request_lease(&wanted)).await;
    assert!(gone.is_err(), "whoever asked has left");
    let unsettled = "SELECT COUNT(*) FROM connection WHERE intent_attempt <> ''";
    assert_eq!(app.database.query_i64(unsettled).await, 1);

    let app = app.restart(StartOptions::default()).await;

    assert_eq!(app.database.query_i64(unsettled).await, 0);
    let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
    assert!(app.strava.get_athlete(&lease.access_token).await.is_ok());
    assert_eq!(app.sim_counter("/refreshes").await, 1);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_during_a_refresh_waits_for_the_answer_before_it_tries_again() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    app.control_sim("tokens/rotation", json!({"mode": "never"})).await;
    let generation = lose_an_answer(&app, athlete).await;
    let app = app.restart(StartOptions::default()).await;
    let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
    assert!(app.strava.get_athlete(&lease.access_token).await.is_ok());
    app.shut_down().await;
}

//! Leases: who gets one, who does not, and what reports change.

use std::time::Duration;

use futures::future::join_all;
use strava_client::lease::{DenialReason, LeaseError, Purpose, Report};
use testkit::TestDatabase;

use crate::test_app::{CHILD, GUARDIAN, TestApp, TestResponse, lease_request, new_athlete};

#[tokio::test(flavor = "multi_thread")]
async fn fifty_simultaneous_leases_on_an_expired_token_cause_one_refresh() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        let generation = app.connect(athlete, GUARDIAN).await;
        app.advance_clocks(Duration::from_hours(7)).await;

        let leases =
            join_all((0..50).map(|_| app.request_lease(athlete, generation, Purpose::Live))).await;

        let tokens: std::collections::BTreeSet<String> = leases
            .into_iter()
            .map(|lease| lease.unwrap().access_token.expose().to_owned())
            .collect();
        assert_eq!((app.sim_counter("/refreshes").await, tokens.len()), (1, 1));
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_again_with_the_same_attempt_returns_the_same_lease() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        let generation = app.connect(athlete, GUARDIAN).await;
        let wanted = lease_request(athlete, generation, Purpose::Live, "attempt-1");
        let first = app.leases.request_lease(&wanted).await.unwrap();
        let again = app.leases.request_lease(&wanted).await.unwrap();
        assert_eq!((first.id, first.lease_expires_at), (again.id, again.lease_expires_at));

        app.advance_clocks(Duration::from_secs(61)).await;
        let over = app.leases.request_lease(&wanted).await.unwrap();
        assert_ne!(first.id, over.id);
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_ends_with_stravas_window() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    app.advance_clocks(Duration::from_secs(12 * 60 + 30)).await;
    let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
    assert_eq!(lease.lease_expires_at.as_secs() % 900, 0);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_are_for_our_own_services_only() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    let body = lease_request(athlete, generation, Purpose::Live, "a");
    let url = format!("{}internal/v1/leases", app.internal);
    for credential in ["", "wrong", &app.bearer(athlete)] {
        let answer = TestResponse::read(
            app.http.post(&url).bearer_auth(credential).json(&body).send().await.unwrap(),
        )
        .await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    let public =
        app.http.post(format!("{}/internal/v1/leases", app.base)).bearer_auth("between-services");
    assert_eq!(public.json(&body).send().await.unwrap().status(), 404);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_athlete_without_a_connection_gets_no_lease() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let refused = app.request_lease(new_athlete(), kernel::Generation::new(1), Purpose::Live).await;
    assert_eq!(refused.unwrap_err(), LeaseError::Denied(DenialReason::Disconnected));
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_called_dead_is_refreshed_once_and_its_end_asks_for_a_reconnect() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
    app.control_sim("tokens/expire", serde_json::json!({"athlete": GUARDIAN})).await;
    let dead = app.strava.get_athlete(&lease.access_token).await;
    app.leases.report_usage(lease.id, &Report::for_read(&dead)).await.unwrap();

    let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
    assert!(app.strava.get_athlete(&lease.access_token).await.is_ok());
    assert_eq!(app.sim_counter("/refreshes").await, 1);

    app.control_sim("tokens/expire", serde_json::json!({"athlete": GUARDIAN, "refresh_too": true}))
        .await;
    let dead = app.strava.get_athlete(&lease.access_token).await;
    app.leases.report_usage(lease.id, &Report::for_read(&dead)).await.unwrap();
    let refused = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::ReconnectNeeded));
    app.wait_for_state(athlete, "reconnect-needed", "refresh-refused").await;
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_called_dead_again_and_again_does_not_refresh_for_ever() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    app.control_sim(
        "faults",
        serde_json::json!({"endpoint": "GET /athlete", "kind": "unauthorized"}),
    )
    .await;
    for _ in 0..2 {
        let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
        let dead = app.strava.get_athlete(&lease.access_token).await;
        app.leases.report_usage(lease.id, &Report::for_read(&dead)).await.unwrap();
    }
    let held = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert!(matches!(held, LeaseError::RetryAt(_)), "{held:?}");
    assert_eq!(app.sim_counter("/refreshes").await, 1);
    assert_eq!(app.fetch_connection(athlete).await["state"], "connected");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_is_not_refreshed_away() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
    app.control_sim(
        "faults",
        serde_json::json!({"endpoint": "GET /athlete", "kind": "scope_missing", "count": 1}),
    )
    .await;
    let missing = app.strava.get_athlete(&lease.access_token).await;
    app.leases.report_usage(lease.id, &Report::for_read(&missing)).await.unwrap();
    let refused = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::ScopeMissing));
    assert_eq!(app.sim_counter("/refreshes").await, 0);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inactive_application_pauses_everybody_until_strava_takes_it_back() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let (athlete, other) = (new_athlete(), new_athlete());
    let generation = app.connect(athlete, GUARDIAN).await;
    let others = app.connect(other, CHILD).await;
    let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
    app.control_sim("apps", serde_json::json!({"id": 1, "active": false})).await;
    let refused = app.strava.get_athlete(&lease.access_token).await;
    app.leases.report_usage(lease.id, &Report::for_read(&refused)).await.unwrap();

    let paused = app.request_lease(other, others, Purpose::Login).await.unwrap_err();
    assert_eq!(paused, LeaseError::Denied(DenialReason::AppInactive));
    let seen = app.fetch_connection(other).await;
    assert_eq!(
        (seen["state"].as_str(), seen["application_inactive"].as_bool()),
        (Some("connected"), Some(true))
    );

    app.advance_clocks(Duration::from_secs(61)).await;
    app.control_sim("apps", serde_json::json!({"id": 1, "active": true})).await;
    let probe = app.request_lease(other, others, Purpose::Live).await.unwrap();
    let second = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert_eq!(second, LeaseError::Denied(DenialReason::AppInactive), "one probe at a time");
    let taken = app.strava.get_athlete(&probe.access_token).await;
    app.leases.report_usage(probe.id, &Report::for_read(&taken)).await.unwrap();
    assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_no_lease_is_not_found_and_a_report_counts_once() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    let unknown = kernel::LeaseId::from_uuid(athlete.as_uuid());
    assert!(app.leases.report_usage(unknown, &Report::default()).await.is_err());
    let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
    let report = Report { reads: 7, status: Some(200), ..Report::default() };
    for _ in 0..2 {
        app.leases.report_usage(lease.id, &report).await.unwrap();
    }
    assert_eq!(app.database.query_i64("SELECT day_read_spent FROM budget").await, 7);
    app.shut_down().await;
}

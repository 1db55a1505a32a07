//! What is erased without anybody asking for it at that moment, and what is asked for again.

use std::time::Duration;

use kernel::AthleteId;
use serde_json::json;
use strava_client::lease::{DenialReason, LeaseError, Purpose};
use strava_sim::RECORDED_ID;
use testkit::{TestDatabase, eventually};

use crate::test_app::{CHILD, GUARDIAN, StartOptions, TestApp, new_athlete, published_erases};

const LIMIT: Duration = Duration::from_secs(20);

/// Connects an athlete whose refresh token Strava then refuses without a hint: a reconnect is needed.
async fn connect_and_lose_access(app: &TestApp, strava_athlete: i64) -> AthleteId {
    let athlete = new_athlete();
    let generation = app.connect(athlete, strava_athlete).await;
    app.control_sim(&format!("athletes/{strava_athlete}/disconnect"), json!({"app": 1})).await;
    app.advance_clocks(Duration::from_hours(7)).await;
    let refused = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::ReconnectNeeded));
    athlete
}

/// Lets time pass, and the worker look: it wakes when somebody is deleted.
async fn pass(app: &TestApp, time: Duration) {
    app.advance_clocks(time).await;
    assert_eq!(app.call_as("DELETE", "/v1/me", new_athlete()).await.status, 202);
}

async fn wait_for_erases(app: &TestApp, athletes: &[AthleteId]) {
    eventually(LIMIT, "these erases are published", async || {
        let erases = published_erases(&app.bus).await;
        let seen: Vec<_> = erases.iter().filter_map(|(envelope, _)| envelope.athlete).collect();
        if seen == athletes { Ok(()) } else { Err(seen) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_connect_again_in_time_is_erased_but_not_many_who_were_lost_together() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let together =
        [connect_and_lose_access(&app, GUARDIAN).await, connect_and_lose_access(&app, CHILD).await];
    pass(&app, Duration::from_hours(3 * 24)).await;
    let alone = connect_and_lose_access(&app, RECORDED_ID).await;

    // The oldest come first: when the last one is erased, the others were looked at.
    pass(&app, Duration::from_hours(31 * 24)).await;

    app.wait_for_state(alone, "disconnected", "not-reconnected").await;
    wait_for_erases(&app, &[alone]).await;
    for athlete in together {
        assert_eq!(app.fetch_connection(athlete).await["state"], "reconnect-needed");
    }
    let receipts = app.call_as("GET", "/v1/me/receipts", alone).await.json();
    assert_eq!(receipts["items"][0]["reason"], "not-reconnected", "{receipts}");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_is_asked_for_again_every_hour_until_every_service_has_answered() {
    let mut options = StartOptions::default();
    options.settings.erasure_services = vec!["token".to_owned(), "ingest".to_owned()];
    let app = TestApp::new(TestDatabase::sqlite()).await.restart(options).await;
    let athlete = new_athlete();
    app.connect(athlete, GUARDIAN).await;
    let id = app.fetch_connection(athlete).await["id"].as_str().unwrap().to_owned();
    app.call_as("DELETE", &format!("/v1/me/connections/{id}"), athlete).await;
    wait_for_erases(&app, &[athlete]).await;

    pass(&app, Duration::from_mins(61)).await;

    wait_for_erases(&app, &[athlete, athlete]).await;
    let receipts = app.call_as("GET", "/v1/me/receipts", athlete).await.json();
    let receipt = &receipts["items"][0];
    assert_eq!(receipt["waiting_for"], json!(["ingest"]), "{receipts}");
    assert!(receipt["completed_at"].is_null(), "{receipts}");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_former_release_ended_without_an_erasure_is_erased_at_the_next_start() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    app.connect(athlete, GUARDIAN).await;
    let id = app.fetch_connection(athlete).await["id"].as_str().unwrap().to_owned();
    app.call_as("DELETE", &format!("/v1/me/connections/{id}"), athlete).await;
    wait_for_erases(&app, &[athlete]).await;
    app.database.execute("DELETE FROM erasure").await;

    let app = app.restart(StartOptions::default()).await;

    wait_for_erases(&app, &[athlete, athlete]).await;
    let receipts = app.call_as("GET", "/v1/me/receipts", athlete).await.json();
    assert_eq!(receipts["items"][0]["reason"], "repeated", "{receipts}");
    app.shut_down().await;
}

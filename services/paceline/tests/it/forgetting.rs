//! What an athlete withdraws is gone from every service, and a new connection brings it back whole.

use reqwest::StatusCode;
use serde_json::json;
use strava_sim::GUARDIAN_ID;
use testkit::eventually;

use crate::test_app::{Databases, Setup, TIMEOUT, TestApp, TestUser, Topics};

/// Waits until neither the totals nor the list know an activity of this athlete.
async fn wait_until_forgotten(user: &TestUser) {
    eventually(TIMEOUT, "nothing is left", async || {
        let activities = user.get("/v1/me/activities").await["items"].as_array().unwrap().len();
        let counted = user.count().await;
        if (activities, counted) == (0, 0) { Ok(()) } else { Err((activities, counted)) }
    })
    .await;
}

async fn disconnecting_forgets_and_reconnecting_counts_again(setup: Setup) {
    let mut app = TestApp::start(setup).await;
    let [guardian, child] = app.linked_guardian_and_child().await;
    let id = guardian.connection().await["id"].as_str().unwrap().to_owned();

    let disconnect = app.http.delete(format!("{}/v1/me/connections/{id}", app.base));
    let answer = disconnect.bearer_auth(&guardian.token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);

    wait_until_forgotten(&guardian).await;
    child.assert_totals_match(&app).await;
    // Strava's revoke has to be answered first.
    eventually(TIMEOUT, "a new connect succeeds", async || {
        match guardian.try_to_connect(&app).await {
            Ok(result) if result == "success" => Ok(()),
            other => Err(other),
        }
    })
    .await;
    app.record(GUARDIAN_ID, "After the new connect").await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disconnecting_forgets_and_reconnecting_counts_again_on_the_built_in_log() {
    disconnecting_forgets_and_reconnecting_counts_again(Setup::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disconnecting_forgets_and_reconnecting_counts_again_on_kafka_and_mariadb() {
    let (topics, databases) = (Topics::new(), Databases::new().await);
    let setup = Setup::default().on(&topics).set("PACELINE_DATABASE__URL", databases.url());
    disconnecting_forgets_and_reconnecting_counts_again(setup).await;
    topics.remove().await;
    databases.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_that_is_withdrawn_at_strava_is_forgotten_too() {
    let mut app = TestApp::start(Setup::default()).await;
    let [guardian, child] = app.guardian_and_child().await;
    let connection = guardian.connection().await;

    let application = connection["application"].clone();
    app.sim_post(&format!("athletes/{GUARDIAN_ID}/disconnect"), &json!({"app": application})).await;

    guardian.wait_for_state("disconnected").await;
    wait_until_forgotten(&guardian).await;
    child.assert_totals_match(&app).await;
    app.stop().await;
}

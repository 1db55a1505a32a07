//! What came from Strava's API expires after `strava.retention`, whatever fails meanwhile.

use std::time::{Duration, Instant};

use contracts::Topic;
use futures::StreamExt as _;
use object_store::ObjectStore as _;
use object_store::path::Path;
use outbox::StoreFaults;
use serde_json::json;
use strava_sim::GUARDIAN_ID;
use testkit::TestDatabase;

use crate::test_app::{TestApp, TestAthlete, settings, strava_options};

const DAY_S: i64 = 86_400;
const TRANSACTIONS: [&str; 1] = ["expire_observation"];
/// Time limit of a wait, and of a scenario with faults.
const LIMIT: Duration = Duration::from_mins(2);

async fn app_with_retention(database: TestDatabase, faults: StoreFaults) -> TestApp {
    let settings = ingest::Settings { retention_days: Some(7), tick_s: 1, ..settings() };
    TestApp::with_faults(database, strava_options(12), settings, faults).await
}

/// What is left that can expire, in rows and objects.
async fn list_unexpired(app: &TestApp, athlete: TestAthlete) -> Result<(), (String, usize)> {
    let view = app.get_as(athlete, "/v1/me/retention").await;
    let is_empty = view.status == 200
        && view.json()["streams"]["activities"] == 0
        && view.json()["facts"]["activities"] == 0;
    let objects = count_streams_objects(app, athlete).await;
    if is_empty && objects == 0 { Ok(()) } else { Err((view.text, objects)) }
}

async fn count_streams_objects(app: &TestApp, athlete: TestAthlete) -> usize {
    let prefix = Path::from(format!("athletes/{}/strava", athlete.id));
    app.objects.list(Some(&prefix)).collect::<Vec<_>>().await.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_activity_is_published_with_its_numbers_and_no_list_brings_it_back() {
    let app = app_with_retention(TestDatabase::sqlite(), StoreFaults::default()).await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({"name": "Sentinel", "distance": 1234.0})).await;
    app.wait_for_activity(athlete, id).await;
    app.wait_until_idle().await;
    assert_eq!(count_streams_objects(&app, athlete).await, 1);

    app.advance_clock(7 * DAY_S - 60).await;
    app.wait_until_idle().await;
    assert_eq!(app.current_activities(athlete).await[&id].name(), "Sentinel");
    app.advance_clock(120).await;
    testkit::eventually(LIMIT, "everything has expired", async || {
        list_unexpired(&app, athlete).await
    })
    .await;
    app.wait_until_idle().await;
    let expired = app.current_activities(athlete).await.remove(&id).unwrap();
    let facts = expired.activity.facts.clone().unwrap();
    assert_eq!((expired.topic, expired.activity.expired), (Topic::ActivitiesBulk, true));
    assert_eq!((facts.name.as_str(), facts.distance_dm), ("", 12_340));
    assert_eq!(expired.activity.streams, None);

    // The list says nothing new.
    let revision = expired.activity.revision;
    let pages = app.call_count("GET /athlete/activities").await;
    app.advance_clock(2 * DAY_S).await;
    app.wait_until("the list is read", async || {
        app.call_count("GET /athlete/activities").await > pages
    })
    .await;
    app.wait_until_idle().await;
    // The log has forgotten it by now.
    let path = format!("/v1/me/activities/{}", expired.activity.activity);
    assert_eq!(app.get_as(athlete, &path).await.json()["revision"], revision);
    // An edit does.
    app.edit_activity(id, json!({"name": "Edited"})).await;
    app.wait_until("the edit is published", async || {
        let current = app.current_activities(athlete).await;
        current.get(&id).is_some_and(|activity| activity.name() == "Edited")
    })
    .await;
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn io_errors_at_any_statement_or_commit_keep_nothing_for_longer() {
    run_scenario(TestDatabase::sqlite(), StoreFaults::io_errors()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_killed_around_any_statement_or_commit_keep_nothing_for_longer() {
    let database = TestDatabase::mariadb().await;
    let killer = database.connect_to_server().await;
    run_scenario(database, StoreFaults::kills(killer)).await;
}

async fn run_scenario(database: TestDatabase, faults: StoreFaults) {
    let app = app_with_retention(database, faults.clone()).await;
    let athlete = app.connect(GUARDIAN_ID).await;
    faults.arm();
    let began = Instant::now();
    while !faults.names()[0].contains(&TRANSACTIONS[0]) {
        assert!(began.elapsed() < LIMIT, "not every fault was met: {:?}", faults.names());
        app.create_activity(athlete, json!({"name": "Another"})).await;
        app.advance_clock(8 * DAY_S).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    testkit::eventually(LIMIT, "nothing is left", async || {
        // Jobs that failed are due again; what they fetch expires a week later.
        app.advance_clock(8 * DAY_S).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        list_unexpired(&app, athlete).await
    })
    .await;
    app.shut_down().await;
}

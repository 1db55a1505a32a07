//! Backfills.

use std::time::Duration;

use contracts::{Cause, Topic};
use kernel::{AthleteId, Clock, Ids, SystemIds};
use serde_json::json;
use strava_sim::GUARDIAN_ID;
use testkit::TestDatabase;

use crate::test_app::{TestApp, TestAthlete, last_athlete, settings, strava_options};

const LIST: &str = "GET /athlete/activities";

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_publishes_all_in_bulk_with_one_call_more_than_pages() {
    for database in [TestDatabase::sqlite(), TestDatabase::mariadb().await] {
        let app = TestApp::with(database, strava_options(450), settings()).await;
        let strava_id = last_athlete(&app).await;

        let athlete = app.connect(strava_id).await;

        let known = app.current_activities(athlete).await;
        assert_eq!(known.len(), 450);
        assert!(known.values().all(|published| published.topic == Topic::ActivitiesBulk));
        assert!(known.values().all(|published| published.envelope.cause == Cause::Backfill));
        assert!(known.values().all(|published| published.activity.streams.is_none()));
        assert_eq!(app.call_count(LIST).await, 450_u64.div_ceil(200) + 1);
        let imports = app.get_as(athlete, "/v1/me/imports").await.json();
        assert_eq!(
            (imports["items"][0]["state"].as_str(), imports["items"][0]["calls"].as_i64()),
            (Some("done"), Some(4))
        );
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_resumes_where_it_was_interrupted() {
    let app = TestApp::with(TestDatabase::sqlite(), strava_options(450), settings()).await;
    let strava_id = last_athlete(&app).await;
    app.add_fault(json!({"endpoint": LIST, "kind": "server_error", "skip": 1, "count": 1})).await;

    let athlete = app.start_connect(strava_id).await;
    app.wait_for_backfill(athlete).await;
    app.wait_until_idle().await;

    assert_eq!(app.current_activities(athlete).await.len(), 450);
    assert_eq!(app.call_count(LIST).await, 450_u64.div_ceil(200) + 1 + 1);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_backfill_does_not_delay_live_activities() {
    let settings = ingest::Settings { page: 10, ..settings() };
    let app = TestApp::with(TestDatabase::sqlite(), strava_options(450), settings).await;
    let strava_id = last_athlete(&app).await;
    app.add_fault(json!({"endpoint": LIST, "kind": "slow", "delay_ms": 300})).await;
    let athlete = app.start_connect(strava_id).await;
    let importing = async || {
        app.query_number("SELECT COUNT(*) FROM backfill WHERE state = 'running'").await == 1
    };
    app.wait_until("the backfill is running", importing).await;

    let began = std::time::Instant::now();
    let id = app.create_activity(athlete, json!({"name": "Just now"})).await;
    app.wait_until("it is published live", async || {
        let known = app.current_activities(athlete).await;
        known.get(&id).is_some_and(|published| published.topic == Topic::Activities)
    })
    .await;

    assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(importing().await, "the backfill is still running");
    app.clear_faults().await;
    app.wait_for_backfill(athlete).await;
    app.wait_until_idle().await;
    assert_eq!(app.current_activities(athlete).await.len(), 451);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_since_connecting_that_only_the_backfill_finds_is_live() {
    let app = TestApp::with(TestDatabase::sqlite(), strava_options(5), settings()).await;
    let strava_id = last_athlete(&app).await;
    let id = AthleteId::from_uuid(SystemIds.uuid_v7(app.clock.now()));
    let athlete = TestAthlete { id, strava_id };
    let soon = app.clock.now().plus(Duration::from_mins(1)).to_rfc3339();
    // Its hint was of no use: nobody knew the owner yet.
    let new = app.create_activity(athlete, json!({"silent": true, "start_date": soon})).await;

    app.connect_as(id, strava_id).await;
    app.wait_for_backfill(athlete).await;
    app.wait_until_idle().await;

    let known = app.current_activities(athlete).await;
    assert_eq!(known.len(), 6);
    for (activity, published) in known {
        let is_new = activity == new;
        let topic = if is_new { Topic::Activities } else { Topic::ActivitiesBulk };
        assert_eq!(published.topic, topic, "{activity}");
        assert_eq!(published.envelope.cause == Cause::Sweep, is_new, "{activity}");
        assert_eq!(published.activity.facts.unwrap().has_details, is_new, "{activity}");
    }
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_connection_ends_its_backfill() {
    let settings = ingest::Settings { page: 10, ..settings() };
    let app = TestApp::with(TestDatabase::sqlite(), strava_options(450), settings).await;
    let strava_id = last_athlete(&app).await;
    app.add_fault(json!({"endpoint": LIST, "kind": "slow", "delay_ms": 200})).await;
    let athlete = app.start_connect(strava_id).await;
    let running = async || {
        app.query_number("SELECT COUNT(*) FROM backfill WHERE state = 'running'").await == 1
    };
    app.wait_until("the backfill is running", running).await;

    app.set_connection_state(athlete, 1, 2, contracts::athletes::ConnectionState::Disconnected)
        .await;
    app.wait_until_idle().await;
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;
    let calls = app.call_count(LIST).await;
    tokio::time::sleep(std::time::Duration::from_millis(600)).await;

    assert_eq!(app.call_count(LIST).await, calls);
    assert_eq!(app.query_number("SELECT COUNT(*) FROM job").await, 0);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guardians_recorded_files_are_published_with_their_local_dates() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let truth = app.sim_get(&format!("/_sim/athletes/{GUARDIAN_ID}/activities")).await;
    let truth = truth
        .as_array()
        .cloned()
        .unwrap_or_else(|| truth["activities"].as_array().unwrap().clone());

    let known = app.current_activities(athlete).await;

    assert_eq!(known.len(), truth.len());
    for it in truth {
        let facts = known[&it["id"].as_i64().unwrap()].activity.facts.clone().unwrap();
        assert_eq!(facts.local_date, it["start_date_local"].as_str().unwrap()[..10], "{it}");
        let metres = it["distance_m"].as_f64().unwrap();
        assert_eq!(facts.distance_dm, (metres * 10.0).round() as i64, "{it}");
    }
    app.shut_down().await;
}

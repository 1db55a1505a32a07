//! Messages and answers of an older connection change nothing.

use contracts::athletes::athlete_changed::Change;
use contracts::athletes::{ConnectionState, Erase, Gone};
use serde_json::json;
use strava_sim::GUARDIAN_ID;

use crate::test_app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_an_older_generation_changes_nothing() {
    let app = TestApp::new().await;
    let athlete = app.start_connect(GUARDIAN_ID).await;
    app.wait_for_backfill(athlete).await;
    app.publish_reconnect(athlete, 2, 20).await;
    app.wait_until_idle().await;
    let calls = app.call_count("GET /athlete/activities").await;

    app.set_connection_state(athlete, 1, 10, ConnectionState::Disconnected).await;
    app.publish_reconnect(athlete, 1, 11).await;
    app.wait_until_idle().await;

    let current =
        format!("SELECT generation * 10 + state FROM connection WHERE athlete = '{}'", athlete.id);
    assert_eq!(app.query_number(&current).await, 21);
    assert_eq!(app.call_count("GET /athlete/activities").await, calls);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_through_a_replaced_connection_is_fetched_again() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({"silent": true})).await;
    app.add_fault(
        json!({"endpoint": "GET /activities/{id}", "kind": "slow", "delay_ms": 800, "count": 1}),
    )
    .await;

    app.send_hint(athlete, id, "create").await;
    let asked = async || app.leases.requests().iter().any(|asked| asked["purpose"] == "live");
    app.wait_until("the first lease is asked for", asked).await;
    app.publish_reconnect(athlete, 2, 2).await;
    app.wait_for_backfill(athlete).await;
    app.wait_until_idle().await;

    let published = app.current_activities(athlete).await.remove(&id).unwrap();
    let generations: Vec<_> =
        published.envelope.origins.iter().map(|origin| origin.generation.get()).collect();
    assert_eq!(generations, [2], "{published:?}");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reconnecting_counts_nothing_twice() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let before = app.current_activities(athlete).await;

    app.publish_reconnect(athlete, 2, 2).await;
    app.wait_until_idle().await;

    let after = app.current_activities(athlete).await;
    assert_eq!(after.len(), before.len());
    for (strava, published) in &after {
        assert_eq!(
            published.activity.activity, before[strava].activity.activity,
            "its id outlives the reconnect"
        );
        assert!(published.activity.revision > before[strava].activity.revision);
    }
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_fence_nothing_is_stored_and_nothing_comes_back() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({"silent": true})).await;

    let erase = Change::Erase(Erase { application: 1, through_generation: 1 });
    app.publish_change(athlete, 5, erase).await;
    app.wait_until_idle().await;
    let published = app.published_activities(athlete).await.len();
    app.send_hint(athlete, id, "create").await;
    app.publish_reconnect(athlete, 1, 6).await;
    app.wait_until_idle().await;

    for table in ["observation", "activity", "journal"] {
        assert_eq!(app.query_number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(app.published_activities(athlete).await.len(), published);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_after_an_erase_finds_the_same_ids_again() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let before = app.current_activities(athlete).await;
    app.publish_change(athlete, 5, Change::Erase(Erase { application: 1, through_generation: 1 }))
        .await;
    app.wait_until_idle().await;

    app.publish_reconnect(athlete, 2, 6).await;
    app.wait_until_idle().await;

    let after = app.current_activities(athlete).await;
    assert_eq!(after.len(), before.len());
    for (strava, published) in after {
        assert_eq!(published.activity.activity, before[&strava].activity.activity);
        assert_eq!(published.envelope.origins.len(), 1);
    }
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_deleted_athlete_only_the_fence_is_left() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;

    app.publish_change(athlete, 9, Change::Gone(Gone {})).await;
    app.wait_until_idle().await;
    app.publish_reconnect(athlete, 7, 10).await;
    app.wait_until_idle().await;

    for table in ["observation", "activity", "journal", "backfill", "connection"] {
        assert_eq!(app.query_number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(app.query_number("SELECT COUNT(*) FROM athlete WHERE deleted = 1").await, 1);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_interrupted_by_a_withdrawal_resumes_after_reconnecting() {
    let settings = ingest::Settings { page: 5, ..crate::test_app::settings() };
    let app = TestApp::with(
        testkit::TestDatabase::sqlite(),
        crate::test_app::strava_options(20),
        settings,
    )
    .await;
    let list = "GET /athlete/activities";
    app.add_fault(json!({"endpoint": list, "kind": "slow", "delay_ms": 300})).await;
    let athlete = app.start_connect(GUARDIAN_ID).await;
    app.wait_until("a page is read", async || app.call_count(list).await > 1).await;

    app.set_connection_state(athlete, 1, 2, ConnectionState::ReconnectNeeded).await;
    app.wait_until_idle().await;
    app.clear_faults().await;
    app.publish_reconnect(athlete, 1, 3).await;
    app.wait_for_backfill(athlete).await;
    app.wait_until_idle().await;

    let truth = app.sim_get(&format!("/_sim/athletes/{GUARDIAN_ID}/activities")).await;
    let truth =
        truth.as_array().map_or_else(|| truth["activities"].as_array().unwrap().len(), Vec::len);
    assert_eq!(app.current_activities(athlete).await.len(), truth);
    app.shut_down().await;
}

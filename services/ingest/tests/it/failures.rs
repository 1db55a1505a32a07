//! Failures of Strava: their scope and their recovery.

use serde_json::{Value, json};
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::TestDatabase;

use crate::test_app::{TestApp, TestAthlete, settings, strava_options};

async fn last_entry(app: &TestApp, athlete: TestAthlete) -> Value {
    app.get_as(athlete, "/v1/me/journal").await.json()["items"][0].clone()
}

const ACTIVITY: &str = "GET /activities/{id}";

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_athlete_does_not_hold_up_another() {
    let app = TestApp::new().await;
    let (failing, other) = (app.connect(GUARDIAN_ID).await, app.connect(CHILD_ID).await);
    app.add_fault(json!({"endpoint": ACTIVITY, "kind": "server_error", "athlete": GUARDIAN_ID}))
        .await;

    let mut stuck = Vec::new();
    for _ in 0..8 {
        stuck.push(app.create_activity(failing, json!({})).await);
    }
    let id = app.create_activity(other, json!({})).await;
    app.wait_for_activity(other, id).await;

    assert!(!app.current_activities(failing).await.contains_key(&stuck[0]));
    app.clear_faults().await;
    app.advance_clock(60).await;
    for id in stuck {
        app.wait_for_activity(failing, id).await;
    }
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_not_ready_are_fetched_later() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    app.sim_post("/_sim/webhooks", json!({"streams_late_ms": 10_000})).await;

    let id = app.create_activity(athlete, json!({})).await;
    app.wait_for_activity(athlete, id).await;
    app.wait_until_idle().await;
    let first = app.current_activities(athlete).await.remove(&id).unwrap();
    assert!(first.activity.streams.is_none(), "it counts before its streams are there");
    assert_eq!(last_entry(&app, athlete).await["reason"], "streams-not-ready");

    app.advance_clock(16).await;
    app.wait_until("the streams are published", async || {
        app.current_activities(athlete).await[&id].activity.streams.is_some()
    })
    .await;
    assert_eq!(app.current_activities(athlete).await[&id].envelope.cause, contracts::Cause::Live);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_a_manual_activity_are_not_fetched() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;

    let id = app.create_activity(athlete, json!({"manual": true})).await;
    app.wait_for_activity(athlete, id).await;
    app.wait_until_idle().await;

    assert_eq!(app.call_count("GET /activities/{id}/streams").await, 0);
    assert_eq!(
        app.query_number("SELECT COUNT(*) FROM job WHERE kind = 'fetch_activity' AND state = 0")
            .await,
        0
    );
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_token_is_refreshed_once_and_the_call_repeated() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    app.add_fault(json!({"endpoint": ACTIVITY, "kind": "unauthorized", "count": 1})).await;

    let id = app.create_activity(athlete, json!({})).await;
    app.wait_for_activity(athlete, id).await;

    let dead =
        app.leases.reports().into_iter().filter(|report| report["fault"] == "token-dead").count();
    assert_eq!((dead, app.call_count(ACTIVITY).await), (1, 2));
    app.shut_down().await;
}

/// Kind of fault, reason and state in the journal.
const FAILURES: [(&str, &str, &str); 8] = [
    ("rate_limit", "rate-limited", "waiting"),
    ("inactive", "app-inactive", "waiting"),
    ("scope_missing", "scope-missing", "failed"),
    ("server_error", "strava-unavailable", "waiting"),
    ("bad_gateway", "strava-unavailable", "waiting"),
    ("unavailable", "strava-unavailable", "waiting"),
    ("truncated", "strava-unavailable", "waiting"),
    ("reset", "strava-unavailable", "waiting"),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_failure_has_its_reason_and_is_recovered_from() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    for (kind, reason, state) in FAILURES {
        app.add_fault(json!({"endpoint": ACTIVITY, "kind": kind})).await;
        let id = app.create_activity(athlete, json!({"silent": true})).await;
        app.send_hint(athlete, id, "create").await;
        app.wait_until_idle().await;

        let entry = last_entry(&app, athlete).await;
        assert_eq!(
            (entry["reason"].as_str(), entry["state"].as_str()),
            (Some(reason), Some(state)),
            "{kind}"
        );
        assert_eq!(entry["next_try_at"].is_string(), state == "waiting", "{kind}: {entry}");

        app.clear_faults().await;
        if state == "failed" {
            app.send_hint(athlete, id, "update").await;
        } else {
            app.advance_clock(15 * 60 + 1).await;
        }
        app.wait_until(kind, async || app.current_activities(athlete).await.contains_key(&id))
            .await;
    }
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_does_not_count_as_an_attempt() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    app.add_fault(json!({"endpoint": ACTIVITY, "kind": "rate_limit"})).await;
    app.create_activity(athlete, json!({})).await;
    let waiting = async || {
        app.query_number("SELECT COUNT(*) FROM job WHERE last_error = 'rate-limited'").await == 1
    };
    app.wait_until("it waits", waiting).await;

    assert_eq!(
        app.query_number("SELECT attempts FROM job WHERE last_error = 'rate-limited'").await,
        0
    );
    let due = app.query_number("SELECT due_us FROM job WHERE last_error = 'rate-limited'").await;
    assert_eq!(due % (15 * 60 * 1_000_000), 0, "at the end of a window");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_lease_drops_the_job_with_its_reason() {
    let app = TestApp::with(TestDatabase::sqlite(), strava_options(5), settings()).await;
    let athlete = app.connect(GUARDIAN_ID).await;
    app.leases.refuse_lease(athlete.id, "reconnect-needed");

    app.create_activity(athlete, json!({})).await;
    app.wait_until("the journal says why", async || {
        last_entry(&app, athlete).await["reason"] == "reconnect-needed"
    })
    .await;
    app.wait_until_idle().await;

    assert_eq!(app.call_count(ACTIVITY).await, 0);
    app.shut_down().await;
}

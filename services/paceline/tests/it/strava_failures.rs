//! Failures of Strava: each kind is reported as what it is, and everything is right when it is over.

use contracts::Topic;
use event_bus::PublisherKind;
use serde_json::{Value, json};
use strava_sim::{CHILD_ID, GUARDIAN_ID};
use testkit::eventually;

use crate::test_app::{Setup, TIMEOUT, TestApp, TestUser};

async fn connected() -> (TestApp, TestUser) {
    let app = TestApp::start(Setup::default()).await;
    let guardian = app.user("Ana", GUARDIAN_ID).await;
    guardian.connect(&app).await;
    guardian.assert_totals_match(&app).await;
    (app, guardian)
}

/// Waits until the journal tells this reason.
async fn journal_tells(user: &TestUser, reason: &str) -> Value {
    eventually(TIMEOUT, &format!("the journal tells {reason}"), async || {
        let journal = user.get("/v1/me/journal").await;
        let lines = journal["items"].as_array().unwrap();
        lines.iter().find(|line| line["reason"] == reason).cloned().ok_or(journal.clone())
    })
    .await
}

/// So much later, in the next life of the program.
async fn advance_clocks(app: &mut TestApp, seconds: i64) {
    app.stop().await;
    app.advance_clocks(seconds);
    app.up(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_token_is_refreshed_once_and_the_call_is_made_again() {
    let (mut app, guardian) = connected().await;
    app.sim_post("counters/reset", &json!({})).await;
    app.sim_post("tokens/expire", &json!({"athlete": GUARDIAN_ID})).await;

    app.record(GUARDIAN_ID, "Run").await;

    guardian.assert_totals_match(&app).await;
    let counters = app.sim_get("counters").await;
    assert_eq!((&counters["refreshes"], &counters["new_access_tokens"]), (&json!(1), &json!(1)));
    assert_eq!(counters["statuses"]["401"], 1, "{counters}");
    assert_eq!(guardian.connection().await["state"], "connected");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_scope_is_no_dead_token() {
    let (mut app, guardian) = connected().await;
    app.sim_post("counters/reset", &json!({})).await;
    let lacking =
        json!({"endpoint": "GET /activities/*", "kind": "scope_missing", "athlete": GUARDIAN_ID});
    app.sim_post("faults", &lacking).await;

    app.record(GUARDIAN_ID, "Run").await;

    journal_tells(&guardian, "scope-missing").await;
    let counters = app.sim_get("counters").await;
    assert_eq!(counters["refreshes"], 0, "a refresh does not bring a scope: {counters}");
    let connection = guardian.connection().await;
    assert_ne!(connection["state"], "disconnected", "{connection}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_scope_connecting_ends_in_scope_and_refused_in_denied() {
    let mut app = TestApp::start(Setup::default()).await;
    let guardian = app.user("Ana", GUARDIAN_ID).await;

    app.sim_post("consent", &json!({"mode": "refuse"})).await;
    assert_eq!(guardian.follow_consent().await.as_deref(), Ok("denied"));
    app.sim_post("consent", &json!({"mode": "grant", "athlete": GUARDIAN_ID, "scopes": ["read"]}))
        .await;
    assert_eq!(guardian.follow_consent().await.as_deref(), Ok("scope"));
    let lost = json!({"endpoint": "* /oauth/token", "kind": "server_error", "count": 1});
    app.sim_post("faults", &lost).await;
    assert_eq!(guardian.try_to_connect(&app).await.as_deref(), Ok("error"));

    guardian.connect(&app).await;
    guardian.assert_totals_match(&app).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inactive_application_pauses_everything_and_says_so() {
    let (mut app, guardian) = connected().await;
    app.sim_post("apps", &json!({"id": 1, "active": false})).await;

    app.record(GUARDIAN_ID, "Run").await;

    journal_tells(&guardian, "app-inactive").await;
    eventually(TIMEOUT, "the connection says it", async || {
        let connection = guardian.connection().await;
        if connection["application_inactive"] == true { Ok(()) } else { Err(connection) }
    })
    .await;
    assert_eq!(guardian.connection().await["state"], "connected");
    app.sim_post("apps", &json!({"id": 1, "active": true})).await;
    advance_clocks(&mut app, 1_800).await;
    guardian.assert_totals_match(&app).await;
    assert_eq!(guardian.connection().await["application_inactive"], false);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_429_waits_for_the_window() {
    let (mut app, guardian) = connected().await;
    let before = guardian.count().await;
    let limited = json!({"endpoint": "GET /activities/*", "kind": "rate_limit", "count": 1});
    app.sim_post("faults", &limited).await;

    app.record(GUARDIAN_ID, "Run").await;

    let line = journal_tells(&guardian, "rate-limited").await;
    assert_eq!(line["state"], "waiting", "{line}");
    assert!(line["next_try_at"].is_string(), "{line}");
    assert_eq!(guardian.count().await, before);
    advance_clocks(&mut app, 900).await;
    guardian.assert_totals_match(&app).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_html_and_cut_json_are_tried_again_with_back_off() {
    let (mut app, guardian) = connected().await;
    let of = |kind: &str| json!({"endpoint": "GET /activities/{id}", "kind": kind, "count": 1});
    app.sim_post("faults", &json!([of("server_error"), of("truncated"), of("reset")])).await;

    app.record(GUARDIAN_ID, "Run").await;

    guardian.assert_totals_match(&app).await;
    let counters = app.sim_get("counters").await;
    assert_eq!(counters["faults"], 3, "{counters}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_not_ready_come_later_and_so_does_the_copy() {
    let mut app = TestApp::start(Setup::default()).await;
    let [guardian, child] = app.linked_guardian_and_child().await;
    app.sim_post("webhooks", &json!({"streams_late_ms": 30_000})).await;

    app.record(GUARDIAN_ID, "Run with Milla").await;

    guardian.assert_totals_match(&app).await;
    assert_eq!(app.copies(CHILD_ID).await, [""; 0]);
    advance_clocks(&mut app, 600).await;
    app.assert_copies(CHILD_ID, &["Run with Milla".to_owned()]).await;
    app.assert_all_totals_match(&[&guardian, &child]).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_no_handler_can_take_is_parked_and_the_next_is_handled() {
    let (mut app, guardian) = connected().await;
    app.stop().await;
    let publisher = app.log().await.publisher(PublisherKind::Relay);
    publisher.publish(Topic::Activities, &guardian.athlete, b"no envelope".to_vec()).await.unwrap();
    drop(publisher);
    app.up(&[]).await;

    app.record(GUARDIAN_ID, "Run").await;

    guardian.assert_totals_match(&app).await;
    app.stop().await;
    let mut listing = app.spawn_process("parked", &["list"], &[]);
    assert!(listing.wait_for_exit(TIMEOUT).await.success(), "{}", listing.output());
    eventually(TIMEOUT, "stats lists it with its reason", async || {
        let output = listing.output();
        let listed =
            output.lines().any(|line| line.starts_with("stats") && line.contains("activities/"));
        if listed { Ok(()) } else { Err(output) }
    })
    .await;
}

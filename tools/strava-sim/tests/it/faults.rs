//! Faults on demand.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::test_app::{ALL_SCOPES, ANA, MILLA, TestApp};

#[tokio::test]
async fn a_fault_hits_its_endpoint_so_often_and_no_other() {
    let (app, token) = TestApp::start_connected(ANA).await;
    app.admin_post(
        "faults",
        json!({"endpoint": "GET /athlete", "kind": "server_error", "count": 2, "skip": 1}),
    )
    .await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(app.get(&token, "/athlete").await.status.as_u16());
        assert_eq!(app.get(&token, "/athlete/zones").await.status, 200);
    }
    assert_eq!(statuses, [200, 500, 500, 200]);
    assert_eq!(app.admin_get("faults").await, json!([]));
    assert_eq!(app.admin_get("counters").await["faults"], 2);
}

#[tokio::test]
async fn a_fault_of_one_activity_hits_that_one_and_no_other() {
    let (app, token) = TestApp::start_connected(ANA).await;
    let listed = app.get(&token, "/athlete/activities?per_page=2").await.json();
    let id = |index: usize| listed[index]["id"].as_i64().unwrap();
    let rule = json!({"endpoint": format!("GET /activities/{}", id(0)), "kind": "not_found"});
    app.admin_post("faults", rule).await;

    assert_eq!(app.get(&token, &format!("/activities/{}", id(0))).await.status, 404);
    assert_eq!(app.get(&token, &format!("/activities/{}", id(1))).await.status, 200);
}

#[tokio::test]
async fn every_kind_answers_as_it_says() {
    let (app, token) = TestApp::start_connected(ANA).await;
    for (kind, status, text) in [
        ("unauthorized", 401, "access_token"),
        ("scope_missing", 401, "missing"),
        ("inactive", 403, "Inactive"),
        ("not_found", 404, "not found"),
        ("rate_limit", 429, "exceeded"),
        ("server_error", 500, "<!DOCTYPE html>"),
        ("bad_gateway", 502, "upstream"),
        ("unavailable", 503, "Service Unavailable"),
    ] {
        app.admin_post("faults", json!({"endpoint": "*/athlete", "kind": kind, "count": 1})).await;
        let answer = app.get(&token, "/athlete").await;
        assert_eq!(answer.status, status, "{kind}");
        assert!(answer.text.contains(text), "{kind}: {}", answer.text);
    }
}

#[tokio::test]
async fn answers_can_be_cut_broken_lost_slow_or_missing() {
    let (app, token) = TestApp::start_connected(ANA).await;
    let fault = async |body: Value| app.admin_post("faults", body).await;
    fault(json!({"endpoint": "GET /athlete", "kind": "truncated", "count": 1})).await;
    let cut = app.get(&token, "/athlete").await;
    assert_eq!(cut.status, 200);
    assert!(serde_json::from_str::<Value>(&cut.text).is_err());
    fault(json!({"endpoint": "GET /athlete", "kind": "reset", "count": 1})).await;
    let request = app.client.get(app.url("/athlete")).bearer_auth(&token);
    let broken = async { request.send().await?.bytes().await };
    assert!(broken.await.is_err());
    fault(json!({"endpoint": "GET /athlete", "kind": "slow", "count": 1, "delay_ms": 300})).await;
    let began = Instant::now();
    assert_eq!(app.get_json(&token, "/athlete").await["id"], ANA);
    assert!(began.elapsed() >= Duration::from_millis(250));
    fault(json!({"endpoint": "GET /athlete", "kind": "timeout", "count": 1, "delay_ms": 100}))
        .await;
    assert_eq!(app.get(&token, "/athlete").await.status, 504);
}

#[tokio::test]
async fn a_lost_answer_leaves_its_effect_behind() {
    let app = TestApp::start().await;
    let token = app.connect(ANA, ALL_SCOPES).await;
    app.admin_post("tokens/expire", Value::Null).await;
    app.admin_post(
        "faults",
        json!({"endpoint": "POST /oauth/token", "kind": "answer_lost", "count": 1}),
    )
    .await;
    let form = [
        ("client_id", "1"),
        ("client_secret", "sim-secret"),
        ("grant_type", "refresh_token"),
        ("refresh_token", token["refresh_token"].as_str().unwrap()),
    ];
    let lost =
        async { app.client.post(app.url("/oauth/token")).form(&form).send().await?.bytes().await };
    assert!(lost.await.is_err());
    assert_eq!(app.refresh(&token).await.status, 400, "the old refresh token is used up");
}

#[tokio::test]
async fn a_fault_can_be_for_one_athlete_and_be_cleared() {
    let app = TestApp::start().await;
    let (ana, milla) =
        (app.access_token(ANA, ALL_SCOPES).await, app.access_token(MILLA, ALL_SCOPES).await);
    app.admin_post("faults", json!([{"endpoint": "*", "kind": "unavailable", "athlete": MILLA}]))
        .await;
    assert_eq!(app.get(&ana, "/athlete").await.status, 200);
    assert_eq!(app.get(&milla, "/athlete").await.status, 503);
    app.admin(Method::DELETE, "faults", Value::Null).await;
    assert_eq!(app.get(&milla, "/athlete").await.status, 200);
}

//! The admin interface itself.

use reqwest::Method;
use serde_json::{Value, json};

use crate::test_app::{ALL_SCOPES, ANA, MILLA, RECORDED, TestApp, send};

#[tokio::test]
async fn the_athletes_are_fixed() {
    let app = TestApp::start().await;
    let athletes = app.admin_get("athletes").await;
    let names: Vec<(i64, &str)> = athletes
        .as_array()
        .unwrap()
        .iter()
        .map(|athlete| (athlete["id"].as_i64().unwrap(), athlete["name"].as_str().unwrap()))
        .collect();
    assert_eq!(names, [(ANA, "Ana Ruiz"), (MILLA, "Milla Ruiz"), (RECORDED, "Daniel Doubrovkine")]);
    assert_eq!(athletes[0]["activities"], 26);
    assert_eq!(athletes[2]["activities"], 329);
}

#[tokio::test]
async fn the_ground_truth_keeps_deleted_and_hidden_facts() {
    let app = TestApp::start().await;
    let body = json!({"athlete": ANA, "hide_start": true, "start_date": "2026-03-04T05:06:07Z"});
    let id = app.create_activity(body).await;
    let token = app.access_token(ANA, ALL_SCOPES).await;
    let detail = app.get_json(&token, &format!("/activities/{id}")).await;
    assert_eq!(
        (&detail["start_date"], &detail["start_date_local"]),
        (&json!("2026-03-04T00:00:01Z"), &json!("2026-03-04T00:00:01Z"))
    );
    app.admin(Method::DELETE, &format!("activities/{id}"), Value::Null).await;
    let all = app.ground_truth(ANA).await;
    let truth = all.iter().find(|truth| truth["id"] == id).unwrap();
    assert_eq!((&truth["deleted"], &truth["hidden_start"]), (&json!(true), &json!(true)));
    assert_eq!(truth["start_date"], "2026-03-04T05:06:07Z");
    assert_eq!(app.get(&token, &format!("/activities/{id}")).await.status, 404);
}

#[tokio::test]
async fn a_local_start_with_an_offset_is_a_wall_clock_time() {
    let app = TestApp::start().await;
    let body =
        json!({"athlete": ANA, "start_date_local": "2026-03-04T23:40:00", "utc_offset": 46_800});
    let created = app.admin_post("activities", body).await;
    assert_eq!(
        (&created["start_date"], &created["start_date_local"]),
        (&json!("2026-03-04T10:40:00Z"), &json!("2026-03-04T23:40:00Z"))
    );
    let body = json!({"athlete": ANA, "start_date_local": "2026-07-04T12:00:00"});
    let home = app.admin_post("activities", body).await;
    assert_eq!(home["start_date"], "2026-07-04T10:00:00Z");
}

#[tokio::test]
async fn reset_restores_the_initial_state() {
    let app = TestApp::start().await;
    let before = app.ground_truth(ANA).await;
    let token = app.access_token(ANA, ALL_SCOPES).await;
    app.create_activity(json!({"athlete": ANA})).await;
    app.admin_post("faults", json!({"endpoint": "*", "kind": "unavailable"})).await;
    app.advance_clock(1000).await;
    app.admin_post("reset", Value::Null).await;
    assert_eq!(app.admin_get("clock").await["offset_s"], 0);
    assert_eq!(app.admin_get("counters").await["calls"], json!({}));
    assert_eq!(app.get(&token, "/athlete").await.status, 401);
    assert_eq!(app.ground_truth(ANA).await, before);
}

#[tokio::test]
async fn mistakes_are_answered_with_the_reason() {
    let app = TestApp::start().await;
    let unknown = app.admin(Method::POST, "activities", json!({"athlete": 5})).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.json(), json!({"error": "no such athlete"}));
    let field = app.admin(Method::POST, "webhooks", json!({"dublicate": 1})).await;
    assert_eq!(field.status, 422);
    assert_eq!(field.json(), json!({"error": "unknown field dublicate"}));
    let scope = app.admin(Method::POST, "consent", json!({"scopes": ["all"]})).await;
    assert_eq!(scope.json(), json!({"error": "unknown scope all"}));
    assert_eq!(app.admin(Method::GET, "nothing", Value::Null).await.status, 404);
    let typo = app.admin(Method::POST, "activities", json!({"athlete": ANA, "nmae": "x"})).await;
    assert_eq!(typo.status, 422);
    let error = typo.json()["error"].clone();
    assert!(error.as_str().unwrap().contains("unknown field `nmae`"), "{error}");
    let token = app.access_token(ANA, ALL_SCOPES).await;
    assert_eq!(app.get_json(&token, "/activities/abc").await["message"], "Resource Not Found");
}

#[tokio::test]
async fn every_admin_route_is_in_the_openapi_document() {
    let app = TestApp::start().await;
    let document = app.admin_get("openapi.json").await;
    let routes = include_str!("../../src/admin.rs");
    let mut count = 0;
    for line in routes.lines().filter(|line| {
        line.contains(".route(\"/") && line.contains("::") && !line.contains("index")
    }) {
        let path = line.split('"').nth(1).unwrap();
        let method = line.split("web::").nth(1).unwrap().split('(').next().unwrap();
        if matches!(path, "/openapi.json" | "/docs") || method == "patch" {
            continue;
        }
        count += 1;
        assert!(document["paths"][format!("/_sim{path}")][method].is_object(), "{method} {path}");
    }
    assert!(count > 25, "{count}");
    let page = send(app.client.get(app.url("/_sim/docs/"))).await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn more_applications_have_their_own_tokens_and_limits() {
    let app = TestApp::start().await;
    app.admin_post("apps", json!({"id": 2, "secret": "other", "callback_domain": "example.org"}))
        .await;
    let url = app.url("/oauth/authorize?client_id=2&response_type=code&scope=read&redirect_uri=https://www.example.org/cb");
    assert_eq!(send(app.client.get(url)).await.status, 302);
    let token = app.connect(ANA, ALL_SCOPES).await;
    let form = [
        ("client_id", "2"),
        ("client_secret", "other"),
        ("grant_type", "refresh_token"),
        ("refresh_token", token["refresh_token"].as_str().unwrap()),
    ];
    let foreign = send(app.client.post(app.url("/oauth/token")).form(&form)).await;
    assert_eq!(foreign.status, 400, "another application's refresh token is worth nothing");
}

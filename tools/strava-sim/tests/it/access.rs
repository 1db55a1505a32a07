//! Tokens, scopes, privacy, rate limits.

use serde_json::{Value, json};
use strava_sim::{Limits, Options};

use crate::test_app::{ALL_SCOPES, ANA, MILLA, TestApp, send};

#[tokio::test]
async fn an_invalid_token_and_a_missing_scope_differ() {
    let app = TestApp::start().await;
    let token = app.access_token(ANA, "read").await;
    let missing = app.get(&token, "/athlete/activities").await;
    missing.assert_fault(401, "AccessToken activity:read_permission missing");
    let write = app.post_form(&token, "/activities", &[("name", "x")]).await;
    write.assert_fault(401, "AccessToken activity:write_permission missing");
    app.get("nobody", "/athlete").await.assert_fault(401, "Athlete access_token invalid");
    app.advance_clock(21_601).await;
    app.get(&token, "/athlete").await.assert_fault(401, "Athlete access_token invalid");
}

#[tokio::test]
async fn the_profile_is_a_summary_without_its_scope() {
    let app = TestApp::start().await;
    let summary = app.get_json(&app.access_token(ANA, "read").await, "/athlete").await;
    assert_eq!(summary["resource_state"], 2);
    assert!(summary.get("shoes").is_none());
    let detail = app.get_json(&app.access_token(ANA, ALL_SCOPES).await, "/athlete").await;
    assert_eq!(detail["resource_state"], 3);
    assert_eq!(detail["shoes"][0]["resource_state"], 2);
}

#[tokio::test]
async fn only_you_needs_read_all_in_list_and_detail() {
    let app = TestApp::start().await;
    let id = app.create_activity(json!({"athlete": MILLA, "visibility": "only_me"})).await;
    let limited = app.access_token(MILLA, "activity:read").await;
    let listed = app.list_activities(&limited, "per_page=200").await;
    assert!(listed.iter().all(|item| item["visibility"] != "only_me"));
    let hidden = app.get(&limited, &format!("/activities/{id}")).await;
    hidden.assert_fault(404, "Activity  not found");
    let full = app.access_token(MILLA, "activity:read_all").await;
    assert!(app.list_activities(&full, "per_page=200").await.iter().any(|item| item["id"] == id));
    assert_eq!(app.get_json(&full, &format!("/activities/{id}")).await["private"], true);
}

#[tokio::test]
async fn a_privacy_zone_is_cut_from_streams_summary_and_line() {
    let app = TestApp::start().await;
    let id = app.create_activity(json!({"athlete": MILLA, "distance": 6000})).await;
    let full = app.access_token(MILLA, "activity:read_all").await;
    let limited = app.access_token(MILLA, "activity:read").await;
    let all = app.streams(&full, id, "latlng,distance").await;
    let cut = app.streams(&limited, id, "latlng,distance").await;
    let length = |streams: &Value| streams["latlng"]["data"].as_array().unwrap().len();
    let (visible, whole) = (length(&cut), length(&all));
    assert!(visible < whole && visible > 10, "{visible} of {whole}");
    assert!(cut["distance"]["data"][0].as_f64().unwrap() > 0.0);
    let detail = format!("/activities/{id}");
    let (all, cut) = (app.get_json(&full, &detail).await, app.get_json(&limited, &detail).await);
    assert_ne!(all["start_latlng"], cut["start_latlng"]);
    assert_ne!(all["map"]["polyline"], cut["map"]["polyline"]);
    assert_ne!(all["map"]["summary_polyline"], cut["map"]["summary_polyline"]);
}

#[tokio::test]
async fn other_peoples_activities_do_not_exist() {
    let app = TestApp::start().await;
    let id = app.create_activity(json!({"athlete": ANA})).await;
    let token = app.access_token(MILLA, ALL_SCOPES).await;
    for path in ["", "/laps", "/zones", "/streams?keys=time&key_by_type=true"] {
        assert_eq!(app.get(&token, &format!("/activities/{id}{path}")).await.status, 404);
    }
    assert_eq!(app.get(&token, &format!("/athletes/{ANA}/stats")).await.status, 403);
}

#[tokio::test]
async fn both_limits_are_on_every_answer_and_a_write_has_a_bare_comma() {
    let app = TestApp::start_with(Options { instant: true, ..Options::default() }).await;
    let token = app.access_token(ANA, ALL_SCOPES).await;
    let read = app.get(&token, "/athlete").await;
    assert_eq!(read.header("X-RateLimit-Limit"), "200,2000");
    assert_eq!(read.header("X-RateLimit-Usage"), "1,1");
    assert_eq!(read.header("X-ReadRateLimit-Limit"), "100,1000");
    assert_eq!(read.header("X-ReadRateLimit-Usage"), "1,1");
    let fields = [
        ("name", "By hand"),
        ("sport_type", "Run"),
        ("start_date_local", "2026-01-02T03:04:05Z"),
        ("elapsed_time", "600"),
    ];
    let write = app.post_form(&token, "/activities", &fields).await;
    assert_eq!(write.status, 201);
    assert_eq!(write.header("X-RateLimit-Usage"), "2,2");
    assert_eq!(write.header("X-ReadRateLimit-Usage"), ",");
    let missing = app.get(&token, "/activities/5").await;
    assert_eq!((missing.status.as_u16(), missing.header("X-ReadRateLimit-Usage")), (404, "2,2"));
}

#[tokio::test]
async fn over_the_limit_is_429_refused_calls_count_and_the_quarter_hour_frees() {
    let limits = Limits { read_15min: 2, ..Limits::default() };
    let app = TestApp::start_with(Options { limits, instant: true, ..Options::default() }).await;
    // a whole day begins, so that no window ends during the test
    let now = app.admin_get("clock").await["now_s"].as_i64().unwrap();
    app.advance_clock(86_400 - now.rem_euclid(86_400)).await;
    let token = app.access_token(ANA, ALL_SCOPES).await;
    for _ in 0..2 {
        assert_eq!(app.get(&token, "/athlete").await.status, 200);
    }
    let over = app.get(&token, "/athlete").await;
    over.assert_fault(429, "Application read rate limit exceeded");
    assert_eq!(over.header("X-ReadRateLimit-Usage"), "3,3");
    assert_eq!(over.header("retry-after"), "");
    app.admin_post("limits", json!({"field": "rate limit"})).await;
    let over = app.get(&token, "/athlete").await;
    over.assert_fault(429, "Application rate limit exceeded");
    app.advance_clock(900).await;
    let free = app.get(&token, "/athlete").await;
    assert_eq!((free.status.as_u16(), free.header("X-ReadRateLimit-Usage")), (200, "1,5"));
}

#[tokio::test]
async fn uploads_and_manual_entries_do_not_touch_the_read_bucket() {
    let limits = Limits { read_15min: 1, ..Limits::default() };
    let app = TestApp::start_with(Options { limits, instant: true, ..Options::default() }).await;
    let token = app.access_token(ANA, ALL_SCOPES).await;
    for _ in 0..3 {
        let refused = app.post_form(&token, "/activities", &[]).await;
        refused.assert_fault(400, "Activity name missing");
    }
    assert_eq!(app.get(&token, "/athlete").await.status, 200);
    assert_eq!(app.get(&token, "/athlete").await.status, 429);
}

#[tokio::test]
async fn an_inactive_application_gets_403_but_may_refresh() {
    let app = TestApp::start().await;
    let token = app.connect(ANA, ALL_SCOPES).await;
    app.admin_post("apps", json!({"id": 1, "active": false})).await;
    let answer = app.get(token["access_token"].as_str().unwrap(), "/athlete").await;
    answer.assert_fault(403, "Application Status Inactive");
    assert_eq!(app.refresh(&token).await.status, 200);
}

#[tokio::test]
async fn the_bare_root_serves_the_same_routes() {
    let (app, token) = TestApp::start_connected(ANA).await;
    let root = send(app.client.get(app.url("/athlete")).bearer_auth(&token)).await;
    let old = app.get(&token, "/athlete").await;
    assert_eq!(root.headers["etag"].to_str().unwrap(), old.header("etag"));
    assert_eq!(root.text, old.text);
    let counters = app.admin_get("counters").await;
    assert_eq!(counters["calls"]["GET /athlete"], 2);
}

#[tokio::test]
async fn the_etag_is_the_beginning_of_the_sha_256_of_the_body() {
    let app = TestApp::start().await;
    let answer = app.get(&app.access_token(ANA, ALL_SCOPES).await, "/athlete/activities").await;
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, answer.text.as_bytes());
    assert_eq!(answer.header("etag"), format!("W/\"{}\"", hex::encode(&sum.as_ref()[..16])));
}

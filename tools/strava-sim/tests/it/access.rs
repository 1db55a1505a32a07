//! Tokens, scopes, privacy, rate limits.

use reqwest::Method;
use serde_json::{Value, json};
use strava_sim::{Limits, Options};

use crate::harness::{ALL, ANA, MILLA, World};

#[tokio::test]
async fn a_dead_token_and_a_missing_scope_are_told_apart() {
    let world = World::start().await;
    let token = world.token(ANA, "read").await;
    let missing = world.get(&token, "/athlete/activities").await;
    assert_eq!(
        (missing.status.as_u16(), missing.fault().as_str()),
        (401, "AccessToken activity:read_permission missing")
    );
    let write = world.form(&token, "/activities", &[("name", "x")]).await;
    assert_eq!(write.fault(), "AccessToken activity:write_permission missing");
    assert_eq!(world.get("nobody", "/athlete").await.fault(), "Athlete access_token invalid");
    world.advance(21_601).await;
    let expired = world.get(&token, "/athlete").await;
    assert_eq!(
        (expired.status.as_u16(), expired.fault().as_str()),
        (401, "Athlete access_token invalid")
    );
}

#[tokio::test]
async fn the_profile_is_a_summary_without_its_scope() {
    let world = World::start().await;
    let summary = world.get(&world.token(ANA, "read").await, "/athlete").await.json();
    assert_eq!(summary["resource_state"], 2);
    assert!(summary.get("shoes").is_none());
    let detail = world.get(&world.token(ANA, ALL).await, "/athlete").await.json();
    assert_eq!(detail["resource_state"], 3);
    assert_eq!(detail["shoes"][0]["resource_state"], 2);
}

#[tokio::test]
async fn only_you_needs_read_all_in_list_and_detail() {
    let world = World::start().await;
    let id = world.create(json!({"athlete": MILLA, "visibility": "only_me"})).await;
    let limited = world.token(MILLA, "activity:read").await;
    assert!(
        world
            .list(&limited, "per_page=200")
            .await
            .iter()
            .all(|item| item["visibility"] != "only_me")
    );
    let hidden = world.get(&limited, &format!("/activities/{id}")).await;
    assert_eq!((hidden.status.as_u16(), hidden.fault().as_str()), (404, "Activity  not found"));
    let full = world.token(MILLA, "activity:read_all").await;
    assert!(world.list(&full, "per_page=200").await.iter().any(|item| item["id"] == id));
    assert_eq!(world.get(&full, &format!("/activities/{id}")).await.json()["private"], true);
}

#[tokio::test]
async fn a_privacy_zone_is_cut_from_streams_summary_and_line() {
    let world = World::start().await;
    let id = world.create(json!({"athlete": MILLA, "distance": 6000})).await;
    let full = world.token(MILLA, "activity:read_all").await;
    let limited = world.token(MILLA, "activity:read").await;
    let path = format!("/activities/{id}/streams?keys=latlng,distance&key_by_type=true");
    let (all, cut) =
        (world.get(&full, &path).await.json(), world.get(&limited, &path).await.json());
    let length = |streams: &Value| streams["latlng"]["data"].as_array().unwrap().len();
    assert!(
        length(&cut) < length(&all) && length(&cut) > 10,
        "{} of {}",
        length(&cut),
        length(&all)
    );
    assert!(cut["distance"]["data"][0].as_f64().unwrap() > 0.0);
    let detail = format!("/activities/{id}");
    let (all, cut) =
        (world.get(&full, &detail).await.json(), world.get(&limited, &detail).await.json());
    assert_ne!(all["start_latlng"], cut["start_latlng"]);
    assert_ne!(all["map"]["polyline"], cut["map"]["polyline"]);
    assert_ne!(all["map"]["summary_polyline"], cut["map"]["summary_polyline"]);
}

#[tokio::test]
async fn other_peoples_activities_do_not_exist() {
    let world = World::start().await;
    let id = world.create(json!({"athlete": ANA})).await;
    let token = world.token(MILLA, ALL).await;
    for path in ["", "/laps", "/zones", "/streams?keys=time&key_by_type=true"] {
        assert_eq!(world.get(&token, &format!("/activities/{id}{path}")).await.status, 404);
    }
    assert_eq!(world.get(&token, &format!("/athletes/{ANA}/stats")).await.status, 403);
}

#[tokio::test]
async fn both_limits_are_on_every_answer_and_a_write_has_a_bare_comma() {
    let world = World::with(Options { instant: true, ..Options::default() }).await;
    let token = world.token(ANA, ALL).await;
    let read = world.get(&token, "/athlete").await;
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
    let write = world.form(&token, "/activities", &fields).await;
    assert_eq!(write.status, 201);
    assert_eq!(write.header("X-RateLimit-Usage"), "2,2");
    assert_eq!(write.header("X-ReadRateLimit-Usage"), ",");
    let missing = world.get(&token, "/activities/5").await;
    assert_eq!((missing.status.as_u16(), missing.header("X-ReadRateLimit-Usage")), (404, "2,2"));
}

#[tokio::test]
async fn over_the_limit_is_429_refused_calls_count_and_the_quarter_hour_frees() {
    let limits = Limits { read_15min: 2, ..Limits::default() };
    let world = World::with(Options { limits, instant: true, ..Options::default() }).await;
    // a whole day begins, so that no window ends during the test
    let now = world.read("clock").await["now_s"].as_i64().unwrap();
    world.advance(86_400 - now.rem_euclid(86_400)).await;
    let token = world.token(ANA, ALL).await;
    for _ in 0..2 {
        assert_eq!(world.get(&token, "/athlete").await.status, 200);
    }
    let over = world.get(&token, "/athlete").await;
    assert_eq!(
        (over.status.as_u16(), over.fault().as_str()),
        (429, "Application read rate limit exceeded")
    );
    assert_eq!(over.header("X-ReadRateLimit-Usage"), "3,3");
    assert_eq!(over.header("retry-after"), "");
    world.post("limits", json!({"field": "rate limit"})).await;
    assert_eq!(world.get(&token, "/athlete").await.fault(), "Application rate limit exceeded");
    world.advance(900).await;
    let free = world.get(&token, "/athlete").await;
    assert_eq!((free.status.as_u16(), free.header("X-ReadRateLimit-Usage")), (200, "1,5"));
}

#[tokio::test]
async fn uploads_and_manual_entries_do_not_touch_the_read_bucket() {
    let limits = Limits { read_15min: 1, ..Limits::default() };
    let world = World::with(Options { limits, instant: true, ..Options::default() }).await;
    let token = world.token(ANA, ALL).await;
    for _ in 0..3 {
        let refused = world.form(&token, "/activities", &[]).await;
        assert_eq!(
            (refused.status.as_u16(), refused.fault().as_str()),
            (400, "Activity name missing")
        );
    }
    assert_eq!(world.get(&token, "/athlete").await.status, 200);
    assert_eq!(world.get(&token, "/athlete").await.status, 429);
}

#[tokio::test]
async fn an_inactive_application_gets_403_but_may_refresh() {
    let world = World::start().await;
    let token = world.connect(ANA, ALL).await;
    world.post("apps", json!({"id": 1, "active": false})).await;
    let answer = world.get(token["access_token"].as_str().unwrap(), "/athlete").await;
    assert_eq!(
        (answer.status.as_u16(), answer.fault().as_str()),
        (403, "Application Status Inactive")
    );
    assert_eq!(world.refresh(&token).await.status, 200);
}

#[tokio::test]
async fn the_bare_root_serves_the_same_routes() {
    let world = World::start().await;
    let token = world.token(ANA, ALL).await;
    let root = world.client.get(world.url("/athlete")).bearer_auth(&token).send().await.unwrap();
    let old = world.get(&token, "/athlete").await;
    assert_eq!(root.headers()["etag"].to_str().unwrap(), old.header("etag"));
    assert_eq!(root.text().await.unwrap(), old.text);
    let counters = world.admin(Method::GET, "counters", Value::Null).await.json();
    assert_eq!(counters["calls"]["GET /athlete"], 2);
}

#[tokio::test]
async fn the_etag_is_the_beginning_of_the_sha_256_of_the_body() {
    let world = World::start().await;
    let answer = world.get(&world.token(ANA, ALL).await, "/athlete/activities").await;
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, answer.text.as_bytes());
    assert_eq!(answer.header("etag"), format!("W/\"{}\"", hex::encode(&sum.as_ref()[..16])));
}

//! Faults on demand.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ALL, ANA, MILLA, World};

#[tokio::test]
async fn a_fault_hits_its_endpoint_so_often_and_no_other() {
    let world = World::start().await;
    let token = world.token(ANA, ALL).await;
    world
        .post(
            "faults",
            json!({"endpoint": "GET /athlete", "kind": "server_error", "count": 2, "skip": 1}),
        )
        .await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(world.get(&token, "/athlete").await.status.as_u16());
        assert_eq!(world.get(&token, "/athlete/zones").await.status, 200);
    }
    assert_eq!(statuses, [200, 500, 500, 200]);
    assert_eq!(world.read("faults").await, json!([]));
    assert_eq!(world.read("counters").await["faults"], 2);
}

#[tokio::test]
async fn every_kind_answers_as_it_says() {
    let world = World::start().await;
    let token = world.token(ANA, ALL).await;
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
        world.post("faults", json!({"endpoint": "*/athlete", "kind": kind, "count": 1})).await;
        let answer = world.get(&token, "/athlete").await;
        assert_eq!(answer.status, status, "{kind}");
        assert!(answer.text.contains(text), "{kind}: {}", answer.text);
    }
}

#[tokio::test]
async fn answers_can_be_cut_broken_lost_slow_or_missing() {
    let world = World::start().await;
    let token = world.token(ANA, ALL).await;
    let fault = async |body: Value| world.post("faults", body).await;
    fault(json!({"endpoint": "GET /athlete", "kind": "truncated", "count": 1})).await;
    let cut = world.get(&token, "/athlete").await;
    assert_eq!(cut.status, 200);
    assert!(serde_json::from_str::<Value>(&cut.text).is_err());
    fault(json!({"endpoint": "GET /athlete", "kind": "reset", "count": 1})).await;
    let request = world.client.get(world.url("/athlete")).bearer_auth(&token);
    let broken = async { request.send().await?.bytes().await };
    assert!(broken.await.is_err());
    fault(json!({"endpoint": "GET /athlete", "kind": "slow", "count": 1, "delay_ms": 300})).await;
    let began = Instant::now();
    assert_eq!(world.get(&token, "/athlete").await.json()["id"], ANA);
    assert!(began.elapsed() >= Duration::from_millis(250));
    fault(json!({"endpoint": "GET /athlete", "kind": "timeout", "count": 1, "delay_ms": 100}))
        .await;
    assert_eq!(world.get(&token, "/athlete").await.status, 504);
}

#[tokio::test]
async fn a_lost_answer_leaves_its_effect_behind() {
    let world = World::start().await;
    let token = world.connect(ANA, ALL).await;
    world.post("tokens/expire", Value::Null).await;
    world
        .post("faults", json!({"endpoint": "POST /oauth/token", "kind": "answer_lost", "count": 1}))
        .await;
    let form = [
        ("client_id", "1"),
        ("client_secret", "sim-secret"),
        ("grant_type", "refresh_token"),
        ("refresh_token", token["refresh_token"].as_str().unwrap()),
    ];
    let lost = async {
        world.client.post(world.url("/oauth/token")).form(&form).send().await?.bytes().await
    };
    assert!(lost.await.is_err());
    assert_eq!(world.refresh(&token).await.status, 400, "the old refresh token is used up");
}

#[tokio::test]
async fn a_fault_can_be_for_one_athlete_and_be_cleared() {
    let world = World::start().await;
    let (ana, milla) = (world.token(ANA, ALL).await, world.token(MILLA, ALL).await);
    world.post("faults", json!([{"endpoint": "*", "kind": "unavailable", "athlete": MILLA}])).await;
    assert_eq!(world.get(&ana, "/athlete").await.status, 200);
    assert_eq!(world.get(&milla, "/athlete").await.status, 503);
    world.admin(Method::DELETE, "faults", Value::Null).await;
    assert_eq!(world.get(&milla, "/athlete").await.status, 200);
}

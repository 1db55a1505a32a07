//! The admin interface itself.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ALL, ANA, MILLA, RECORDED, World};

#[tokio::test]
async fn the_cast_is_fixed() {
    let world = World::start().await;
    let athletes = world.read("athletes").await;
    let lines: Vec<(i64, &str)> = athletes
        .as_array()
        .unwrap()
        .iter()
        .map(|athlete| (athlete["id"].as_i64().unwrap(), athlete["name"].as_str().unwrap()))
        .collect();
    assert_eq!(lines, [(ANA, "Ana Ruiz"), (MILLA, "Milla Ruiz"), (RECORDED, "Daniel Doubrovkine")]);
    assert_eq!(athletes[0]["activities"], 26);
    assert_eq!(athletes[2]["activities"], 329);
}

#[tokio::test]
async fn the_truth_keeps_what_is_deleted_and_hidden() {
    let world = World::start().await;
    let id = world
        .create(json!({"athlete": ANA, "hide_start": true, "start_date": "2026-03-04T05:06:07Z"}))
        .await;
    let token = world.token(ANA, ALL).await;
    let shown = world.get(&token, &format!("/activities/{id}")).await.json();
    assert_eq!(
        (&shown["start_date"], &shown["start_date_local"]),
        (&json!("2026-03-04T00:00:01Z"), &json!("2026-03-04T00:00:01Z"))
    );
    world.admin(Method::DELETE, &format!("activities/{id}"), Value::Null).await;
    let truth = world.read(&format!("athletes/{ANA}/activities")).await;
    let line = truth.as_array().unwrap().iter().find(|line| line["id"] == id).unwrap();
    assert_eq!((&line["deleted"], &line["hidden_start"]), (&json!(true), &json!(true)));
    assert_eq!(line["start_date"], "2026-03-04T05:06:07Z");
    assert_eq!(world.get(&token, &format!("/activities/{id}")).await.status, 404);
}

#[tokio::test]
async fn a_local_start_and_an_offset_say_where_the_wall_clock_hung() {
    let world = World::start().await;
    let made = world
        .post("activities", json!({"athlete": ANA, "start_date_local": "2026-03-04T23:40:00", "utc_offset": 46_800}))
        .await;
    assert_eq!(
        (&made["start_date"], &made["start_date_local"]),
        (&json!("2026-03-04T10:40:00Z"), &json!("2026-03-04T23:40:00Z"))
    );
    let home = world
        .post("activities", json!({"athlete": ANA, "start_date_local": "2026-07-04T12:00:00"}))
        .await;
    assert_eq!(home["start_date"], "2026-07-04T10:00:00Z");
}

#[tokio::test]
async fn reset_puts_everything_back() {
    let world = World::start().await;
    let before = world.read(&format!("athletes/{ANA}/activities")).await;
    let token = world.token(ANA, ALL).await;
    world.create(json!({"athlete": ANA})).await;
    world.post("faults", json!({"endpoint": "*", "kind": "unavailable"})).await;
    world.advance(1000).await;
    world.post("reset", Value::Null).await;
    assert_eq!(world.read("clock").await["offset_s"], 0);
    assert_eq!(world.read("counters").await["calls"], json!({}));
    assert_eq!(world.get(&token, "/athlete").await.status, 401);
    assert_eq!(world.read(&format!("athletes/{ANA}/activities")).await, before);
}

#[tokio::test]
async fn mistakes_are_answered_with_what_is_wrong() {
    let world = World::start().await;
    let unknown = world.admin(Method::POST, "activities", json!({"athlete": 5})).await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.json()),
        (404, json!({"error": "no such athlete"}))
    );
    let field = world.admin(Method::POST, "webhooks", json!({"dublicate": 1})).await;
    assert_eq!(
        (field.status.as_u16(), field.json()),
        (422, json!({"error": "unknown field dublicate"}))
    );
    let scope = world.admin(Method::POST, "consent", json!({"scopes": ["all"]})).await;
    assert_eq!(scope.json(), json!({"error": "unknown scope all"}));
    assert_eq!(world.admin(Method::GET, "nothing", Value::Null).await.status, 404);
    let typo = world.admin(Method::POST, "activities", json!({"athlete": ANA, "nmae": "x"})).await;
    assert_eq!(typo.status, 422);
    assert!(
        typo.json()["error"].as_str().unwrap().contains("unknown field `nmae`"),
        "{}",
        typo.text
    );
    let token = world.token(ANA, ALL).await;
    assert_eq!(world.get(&token, "/activities/abc").await.json()["message"], "Resource Not Found");
}

#[tokio::test]
async fn every_admin_route_is_in_its_openapi_document_and_the_page_is_there() {
    let world = World::start().await;
    let document = world.read("openapi.json").await;
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
    let page = world.client.get(world.url("/_sim/docs/")).send().await.unwrap();
    assert_eq!(page.status(), 200);
}

#[tokio::test]
async fn more_applications_have_their_own_tokens_and_limits() {
    let world = World::start().await;
    world.post("apps", json!({"id": 2, "secret": "other", "callback_domain": "example.org"})).await;
    let url = world.url("/oauth/authorize?client_id=2&response_type=code&scope=read&redirect_uri=https://www.example.org/cb");
    assert_eq!(world.client.get(url).send().await.unwrap().status(), 302);
    let token = world.connect(ANA, ALL).await;
    let form = [
        ("client_id", "2"),
        ("client_secret", "other"),
        ("grant_type", "refresh_token"),
        ("refresh_token", token["refresh_token"].as_str().unwrap()),
    ];
    let foreign = world.client.post(world.url("/oauth/token")).form(&form).send().await.unwrap();
    assert_eq!(foreign.status(), 400, "another application's refresh token is worth nothing");
}

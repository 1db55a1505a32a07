//! Subscriptions and events: validation, retries, disorder, privacy.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ALL, ANA, MILLA, World, eventually};
use crate::receiver::Receiver;

async fn connected() -> (World, Receiver) {
    let world = World::start().await;
    world.connect(MILLA, ALL).await;
    let receiver = Receiver::subscribed(&world).await;
    (world, receiver)
}

#[tokio::test]
async fn a_subscription_is_validated_listed_and_deleted() {
    let world = World::start().await;
    let receiver = Receiver::start();
    let refused = receiver.subscribe(&world, "wrong word").await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.fault(),
        "PushSubscription callback url GET to callback URL does not return 200"
    );
    let made = receiver.subscribe(&world, "secret-word").await;
    assert_eq!(made.status, 201);
    let id = made.json()["id"].as_i64().unwrap();
    let query = receiver.queries().pop().unwrap();
    assert!(query.starts_with("kept=yes&hub.verify_token=secret-word&hub.challenge="), "{query}");
    assert!(query.ends_with("&hub.mode=subscribe"), "{query}");
    assert_eq!(
        receiver.subscribe(&world, "secret-word").await.fault(),
        "PushSubscription  already exists"
    );
    let base = world.url("/api/v3/push_subscriptions");
    let list = world
        .client
        .get(format!("{base}?client_id=1&client_secret=sim-secret"))
        .send()
        .await
        .unwrap();
    let list: Value = list.json().await.unwrap();
    assert_eq!((&list[0]["id"], &list[0]["application_id"]), (&json!(id), &json!(1)));
    let delete = |id: i64| {
        world.client.delete(format!("{base}/{id}?client_id=1&client_secret=sim-secret")).send()
    };
    assert_eq!(delete(id + 1).await.unwrap().status(), 404);
    assert_eq!(delete(id).await.unwrap().status(), 204);
    let wrong =
        world.client.get(format!("{base}?client_id=1&client_secret=x")).send().await.unwrap();
    assert_eq!(wrong.status(), 401);
}

#[tokio::test]
async fn create_edit_and_delete_send_their_events() {
    let (world, receiver) = connected().await;
    let id = world.create(json!({"athlete": MILLA, "name": "One"})).await;
    let path = format!("activities/{id}");
    world.admin(Method::PUT, &path, json!({"name": "Two"})).await;
    world.admin(Method::PATCH, &path, json!({"sport_type": "TrailRun", "private": true})).await;
    world.admin(Method::PUT, &path, json!({"distance": 4000.0})).await;
    world.admin(Method::DELETE, &path, Value::Null).await;
    receiver.wait(4).await;
    let events = receiver.settled(&world).await;
    let kinds: Vec<(&str, Value)> = events
        .iter()
        .map(|event| (event["aspect_type"].as_str().unwrap(), event["updates"].clone()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("create", json!({})),
            ("update", json!({"title": "Two"})),
            ("update", json!({"type": "Run", "private": "true"})),
            ("delete", json!({})),
        ]
    );
    let event = &events[0];
    assert_eq!(
        (&event["object_type"], &event["object_id"], &event["owner_id"]),
        (&json!("activity"), &json!(id), &json!(MILLA))
    );
    assert!(event["subscription_id"].is_i64() && event["event_time"].is_i64());
}

#[tokio::test]
async fn silent_changes_and_unconnected_athletes_send_nothing() {
    let (world, receiver) = connected().await;
    world.create(json!({"athlete": ANA})).await;
    world.create(json!({"athlete": MILLA, "silent": true})).await;
    let id = world.create(json!({"athlete": MILLA})).await;
    receiver.wait(1).await;
    let events = receiver.settled(&world).await;
    assert_eq!(
        events.iter().map(|event| event["object_id"].as_i64().unwrap()).collect::<Vec<_>>(),
        [id]
    );
}

#[tokio::test]
async fn with_activity_read_alone_hiding_is_a_delete_and_showing_a_create() {
    let world = World::start().await;
    world.connect(MILLA, "activity:read").await;
    let receiver = Receiver::subscribed(&world).await;
    let id = world.create(json!({"athlete": MILLA})).await;
    world.post(&format!("activities/{id}/hide"), Value::Null).await;
    world.admin(Method::PUT, &format!("activities/{id}"), json!({"name": "unseen"})).await;
    world.admin(Method::PUT, &format!("activities/{id}"), json!({"private": false})).await;
    receiver.wait(3).await;
    let events = receiver.settled(&world).await;
    let kinds: Vec<&str> =
        events.iter().map(|event| event["aspect_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["create", "delete", "create"]);
}

#[tokio::test]
async fn without_an_activity_scope_only_the_deauthorization_arrives() {
    let world = World::start().await;
    world.connect(MILLA, "read").await;
    let receiver = Receiver::subscribed(&world).await;
    world.create(json!({"athlete": MILLA})).await;
    world.post(&format!("athletes/{MILLA}/disconnect"), Value::Null).await;
    let events = receiver.wait(1).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["object_type"], "athlete");
    assert_eq!(events[0]["object_id"], events[0]["owner_id"]);
    assert_eq!(events[0]["updates"], json!({"authorized": "false"}));
}

#[tokio::test]
async fn an_unacknowledged_event_comes_three_times_and_is_then_lost() {
    let (world, receiver) = connected().await;
    receiver.inbox.statuses.lock().unwrap().extend([500, 503, 404]);
    world.create(json!({"athlete": MILLA})).await;
    receiver.wait(1).await;
    world.advance(61).await;
    receiver.wait(2).await;
    world.advance(121).await;
    let events = receiver.wait(3).await;
    assert_eq!(events[0], events[2]);
    let line = eventually(async || {
        let log = world.read("webhooks/deliveries").await;
        (log[0]["outcome"] == "gave_up").then(|| log[0].clone())
    })
    .await;
    assert_eq!(line["statuses"], json!([500, 503, 404]));
    let counters = world.read("counters").await;
    assert_eq!((&counters["delivery_attempts"], &counters["delivered"]), (&json!(3), &json!(0)));
}

#[tokio::test]
async fn an_answer_later_than_two_seconds_counts_as_none() {
    let (world, receiver) = connected().await;
    receiver.inbox.statuses.lock().unwrap().push_back(0);
    world.create(json!({"athlete": MILLA})).await;
    let line = eventually(async || {
        let log = world.read("webhooks/deliveries").await;
        (log[0]["outcome"] == "retrying").then(|| log[0].clone())
    })
    .await;
    assert_eq!(line["statuses"], json!([0]));
    world.advance(61).await;
    receiver.wait(2).await;
}

#[tokio::test]
async fn events_can_be_doubled_dropped_swapped_and_delayed() {
    let (world, receiver) = connected().await;
    world.post("webhooks", json!({"duplicate": 2})).await;
    world.create(json!({"athlete": MILLA})).await;
    receiver.wait(3).await;
    world.post("webhooks", json!({"duplicate": 0, "drop_next": 1})).await;
    world.create(json!({"athlete": MILLA})).await;
    world.post("webhooks", json!({"reorder": true})).await;
    let first = world.create(json!({"athlete": MILLA})).await;
    let second = world.create(json!({"athlete": MILLA})).await;
    let events = receiver.wait(5).await;
    let ids: Vec<i64> =
        events[3..].iter().map(|event| event["object_id"].as_i64().unwrap()).collect();
    assert!(ids.contains(&first) && ids.contains(&second));
    let log = world.read("webhooks/deliveries").await;
    assert_eq!(log[3]["outcome"], "dropped");
    world
        .post("webhooks", json!({"reorder": false, "delay_ms": 30_000, "omit_updates": true}))
        .await;
    world.create(json!({"athlete": MILLA})).await;
    assert_eq!(receiver.events().len(), 5);
    world.advance(31).await;
    let events = receiver.wait(6).await;
    assert!(events[5].get("updates").is_none());
}

#[tokio::test]
async fn a_held_event_goes_out_when_disorder_ends() {
    let (world, receiver) = connected().await;
    world.post("webhooks", json!({"reorder": true})).await;
    world.create(json!({"athlete": MILLA})).await;
    assert!(receiver.events().is_empty());
    world.post("webhooks", json!({"reorder": false})).await;
    receiver.wait(1).await;
}

#[tokio::test]
async fn events_can_be_forged_and_signed() {
    let (world, receiver) = connected().await;
    let event = json!({"object_type": "athlete", "object_id": 99, "aspect_type": "update", "owner_id": 99,
        "updates": {"authorized": "false"}});
    let sent = world.post("webhooks/forge", json!({"event": event, "times": 2})).await;
    assert_eq!(sent["statuses"], json!([200, 200]));
    assert_eq!(receiver.events()[1]["object_id"], 99);
    assert!(receiver.events()[1]["subscription_id"].is_i64());
    world.post("webhooks", json!({"signing_key": "key"})).await;
    world.create(json!({"athlete": MILLA})).await;
    receiver.wait(3).await;
    let signature = receiver.inbox.signatures.lock().unwrap()[0].clone();
    let (stamp, mark) = signature.split_once(",v1=").unwrap();
    assert!(stamp.starts_with("t=") && mark.len() == 64, "{signature}");
}

#[tokio::test]
async fn an_upload_and_a_manual_entry_announce_themselves() {
    let (world, receiver) = connected().await;
    let token = world.token(MILLA, ALL).await;
    let fields = [
        ("name", "By hand"),
        ("sport_type", "Run"),
        ("start_date_local", "2026-01-02T03:04:05Z"),
        ("elapsed_time", "600"),
    ];
    let made = world.form(&token, "/activities", &fields).await.json();
    assert_eq!(receiver.wait(1).await[0]["object_id"], made["id"]);
    let edit = world
        .client
        .put(world.url(&format!("/api/v3/activities/{}", made["id"])))
        .bearer_auth(&token);
    let edited = edit.json(&json!({"name": "Better", "commute": true})).send().await.unwrap();
    let edited: Value = edited.json().await.unwrap();
    assert_eq!((&edited["name"], &edited["commute"]), (&json!("Better"), &json!(true)));
    assert_eq!(receiver.wait(2).await[1]["updates"], json!({"title": "Better"}));
}

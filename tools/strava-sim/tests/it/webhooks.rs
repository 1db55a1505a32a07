//! Subscriptions and events: validation, retries, order, privacy.

use reqwest::Method;
use serde_json::{Value, json};

use crate::test_app::{ALL_SCOPES, ANA, MILLA, TestApp, eventually, send};
use crate::webhook_receiver::WebhookReceiver;

async fn start_connected() -> (TestApp, WebhookReceiver) {
    let app = TestApp::start().await;
    app.connect(MILLA, ALL_SCOPES).await;
    let receiver = WebhookReceiver::start_subscribed(&app).await;
    (app, receiver)
}

#[tokio::test]
async fn a_subscription_is_validated_listed_and_deleted() {
    let app = TestApp::start().await;
    let receiver = WebhookReceiver::start();
    let refused = receiver.subscribe(&app, "wrong word").await;
    let fault = "PushSubscription callback url GET to callback URL does not return 200";
    refused.assert_fault(400, fault);
    let created = receiver.subscribe(&app, "secret-word").await;
    assert_eq!(created.status, 201);
    let id = created.json()["id"].as_i64().unwrap();
    let query = receiver.queries().pop().unwrap();
    assert!(query.starts_with("kept=yes&hub.verify_token=secret-word&hub.challenge="), "{query}");
    assert!(query.ends_with("&hub.mode=subscribe"), "{query}");
    let second = receiver.subscribe(&app, "secret-word").await;
    second.assert_fault(400, "PushSubscription  already exists");
    let base = app.url("/api/v3/push_subscriptions");
    let url = format!("{base}?client_id=1&client_secret=sim-secret");
    let list = send(app.client.get(url)).await.json();
    assert_eq!((&list[0]["id"], &list[0]["application_id"]), (&json!(id), &json!(1)));
    let delete = |id: i64| {
        send(app.client.delete(format!("{base}/{id}?client_id=1&client_secret=sim-secret")))
    };
    assert_eq!(delete(id + 1).await.status, 404);
    assert_eq!(delete(id).await.status, 204);
    let wrong = send(app.client.get(format!("{base}?client_id=1&client_secret=x"))).await;
    assert_eq!(wrong.status, 401);
}

#[tokio::test]
async fn create_edit_and_delete_send_their_events() {
    let (app, receiver) = start_connected().await;
    let id = app.create_activity(json!({"athlete": MILLA, "name": "One"})).await;
    let path = format!("activities/{id}");
    app.admin(Method::PUT, &path, json!({"name": "Two"})).await;
    app.admin(Method::PATCH, &path, json!({"sport_type": "TrailRun", "private": true})).await;
    app.admin(Method::PUT, &path, json!({"distance": 4000.0})).await;
    app.admin(Method::DELETE, &path, Value::Null).await;
    receiver.wait_for_events(4).await;
    let events = receiver.wait_until_delivered(&app).await;
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
    let (app, receiver) = start_connected().await;
    app.create_activity(json!({"athlete": ANA})).await;
    app.create_activity(json!({"athlete": MILLA, "silent": true})).await;
    let id = app.create_activity(json!({"athlete": MILLA})).await;
    receiver.wait_for_events(1).await;
    let events = receiver.wait_until_delivered(&app).await;
    let ids: Vec<&Value> = events.iter().map(|event| &event["object_id"]).collect();
    assert_eq!(ids, [&json!(id)]);
}

#[tokio::test]
async fn with_activity_read_hiding_is_a_delete_and_showing_a_create() {
    let app = TestApp::start().await;
    app.connect(MILLA, "activity:read").await;
    let receiver = WebhookReceiver::start_subscribed(&app).await;
    let id = app.create_activity(json!({"athlete": MILLA})).await;
    app.admin_post(&format!("activities/{id}/hide"), Value::Null).await;
    app.admin(Method::PUT, &format!("activities/{id}"), json!({"name": "unseen"})).await;
    app.admin(Method::PUT, &format!("activities/{id}"), json!({"private": false})).await;
    receiver.wait_for_events(3).await;
    let events = receiver.wait_until_delivered(&app).await;
    let kinds: Vec<&str> =
        events.iter().map(|event| event["aspect_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["create", "delete", "create"]);
}

#[tokio::test]
async fn without_an_activity_scope_only_the_deauthorization_arrives() {
    let app = TestApp::start().await;
    app.connect(MILLA, "read").await;
    let receiver = WebhookReceiver::start_subscribed(&app).await;
    app.create_activity(json!({"athlete": MILLA})).await;
    app.admin_post(&format!("athletes/{MILLA}/disconnect"), Value::Null).await;
    let events = receiver.wait_for_events(1).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["object_type"], "athlete");
    assert_eq!(events[0]["object_id"], events[0]["owner_id"]);
    assert_eq!(events[0]["updates"], json!({"authorized": "false"}));
}

#[tokio::test]
async fn an_unacknowledged_event_comes_three_times_and_is_then_lost() {
    let (app, receiver) = start_connected().await;
    receiver.inbox.statuses.lock().unwrap().extend([500, 503, 404]);
    app.create_activity(json!({"athlete": MILLA})).await;
    receiver.wait_for_events(1).await;
    app.advance_clock(61).await;
    receiver.wait_for_events(2).await;
    app.advance_clock(121).await;
    let events = receiver.wait_for_events(3).await;
    assert_eq!(events[0], events[2]);
    let line = eventually(async || {
        let log = app.admin_get("webhooks/deliveries").await;
        (log[0]["outcome"] == "gave_up").then(|| log[0].clone())
    })
    .await;
    assert_eq!(line["statuses"], json!([500, 503, 404]));
    let counters = app.admin_get("counters").await;
    assert_eq!((&counters["delivery_attempts"], &counters["delivered"]), (&json!(3), &json!(0)));
}

#[tokio::test]
async fn an_answer_later_than_two_seconds_counts_as_none() {
    let (app, receiver) = start_connected().await;
    receiver.inbox.statuses.lock().unwrap().push_back(0);
    app.create_activity(json!({"athlete": MILLA})).await;
    let line = eventually(async || {
        let log = app.admin_get("webhooks/deliveries").await;
        (log[0]["outcome"] == "retrying").then(|| log[0].clone())
    })
    .await;
    assert_eq!(line["statuses"], json!([0]));
    app.advance_clock(61).await;
    receiver.wait_for_events(2).await;
}

#[tokio::test]
async fn events_can_be_doubled_dropped_swapped_and_delayed() {
    let (app, receiver) = start_connected().await;
    app.admin_post("webhooks", json!({"duplicate": 2})).await;
    app.create_activity(json!({"athlete": MILLA})).await;
    receiver.wait_for_events(3).await;
    app.admin_post("webhooks", json!({"duplicate": 0, "drop_next": 1})).await;
    app.create_activity(json!({"athlete": MILLA})).await;
    app.admin_post("webhooks", json!({"reorder": true})).await;
    let first = app.create_activity(json!({"athlete": MILLA})).await;
    let second = app.create_activity(json!({"athlete": MILLA})).await;
    let events = receiver.wait_for_events(5).await;
    let ids: Vec<i64> =
        events[3..].iter().map(|event| event["object_id"].as_i64().unwrap()).collect();
    assert!(ids.contains(&first) && ids.contains(&second));
    let log = app.admin_get("webhooks/deliveries").await;
    assert_eq!(log[3]["outcome"], "dropped");
    app.admin_post("webhooks", json!({"reorder": false, "delay_ms": 30_000, "omit_updates": true}))
        .await;
    app.create_activity(json!({"athlete": MILLA})).await;
    assert_eq!(receiver.events().len(), 5);
    app.advance_clock(31).await;
    let events = receiver.wait_for_events(6).await;
    assert!(events[5].get("updates").is_none());
}

#[tokio::test]
async fn a_held_event_goes_out_when_reordering_ends() {
    let (app, receiver) = start_connected().await;
    app.admin_post("webhooks", json!({"reorder": true})).await;
    app.create_activity(json!({"athlete": MILLA})).await;
    assert!(receiver.events().is_empty());
    app.admin_post("webhooks", json!({"reorder": false})).await;
    receiver.wait_for_events(1).await;
}

#[tokio::test]
async fn events_can_be_forged_and_signed() {
    let (app, receiver) = start_connected().await;
    let event = json!({"object_type": "athlete", "object_id": 99, "aspect_type": "update", "owner_id": 99,
        "updates": {"authorized": "false"}});
    let sent = app.admin_post("webhooks/forge", json!({"event": event, "times": 2})).await;
    assert_eq!(sent["statuses"], json!([200, 200]));
    assert_eq!(receiver.events()[1]["object_id"], 99);
    assert!(receiver.events()[1]["subscription_id"].is_i64());
    app.admin_post("webhooks", json!({"signing_key": "key"})).await;
    app.create_activity(json!({"athlete": MILLA})).await;
    receiver.wait_for_events(3).await;
    let signature = receiver.inbox.signatures.lock().unwrap()[0].clone();
    let (stamp, digest) = signature.split_once(",v1=").unwrap();
    assert!(stamp.starts_with("t=") && digest.len() == 64, "{signature}");
}

#[tokio::test]
async fn an_upload_and_a_manual_entry_announce_themselves() {
    let (app, receiver) = start_connected().await;
    let token = app.access_token(MILLA, ALL_SCOPES).await;
    let fields = [
        ("name", "By hand"),
        ("sport_type", "Run"),
        ("start_date_local", "2026-01-02T03:04:05Z"),
        ("elapsed_time", "600"),
    ];
    let created = app.post_form(&token, "/activities", &fields).await.json();
    assert_eq!(receiver.wait_for_events(1).await[0]["object_id"], created["id"]);
    let edit = app
        .client
        .put(app.url(&format!("/api/v3/activities/{}", created["id"])))
        .bearer_auth(&token);
    let edited = send(edit.json(&json!({"name": "Better", "commute": true}))).await.json();
    assert_eq!((&edited["name"], &edited["commute"]), (&json!("Better"), &json!(true)));
    assert_eq!(receiver.wait_for_events(2).await[1]["updates"], json!({"title": "Better"}));
}

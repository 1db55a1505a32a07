//! The webhook.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use contracts::wire::envelope::Payload;
use contracts::{Envelope, Topic};
use event_bus::{Bus, KafkaSettings};
use ingest::{Dependencies, Service, Settings};
use kernel::{EventId, Ids, SystemClock, SystemIds, Timestamp};
use lifecycle::{Failpoints, Tasks};
use outbox::StoreFaults;
use serde_json::json;
use service_kit::{DatabaseSettings, Runtime, Service as _};
use strava_client::lease::LeaseClient;
use strava_sim::GUARDIAN_ID;
use testkit::TestDatabase;

use crate::test_app::{SECRET, TestApp, VERIFY, settings, strava_options};

fn validation(path: &str, token: &str, mode: &str) -> String {
    format!("{path}?hub.verify_token={token}&hub.challenge=15f7d1a91c1f40f8&hub.mode={mode}")
}

fn event(subscription: i64) -> String {
    json!({
        "object_type": "activity", "object_id": 1, "aspect_type": "create", "owner_id": 7001,
        "subscription_id": subscription, "event_time": 1_790_012_345,
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_challenge_is_repeated_under_the_key_with_a_dot() {
    let app = TestApp::new().await;

    let answer = app.get(&validation(&format!("/webhook/{SECRET}"), VERIFY, "subscribe")).await;

    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, r#"{"hub.challenge":"15f7d1a91c1f40f8"}"#)
    );
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("application/json"));
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_mode_or_path_is_refused() {
    let app = TestApp::new().await;
    let path = format!("/webhook/{SECRET}");

    assert_eq!(app.get(&validation(&path, "guess", "subscribe")).await.status, 403);
    assert_eq!(app.get(&validation(&path, VERIFY, "unsubscribe")).await.status, 403);
    assert_eq!(app.get(&validation("/webhook/guess", VERIFY, "subscribe")).await.status, 404);
    assert_eq!(app.get(&validation("/webhook", VERIFY, "subscribe")).await.status, 404);
    assert_eq!(app.post("/webhook/guess", event(1)).await.status, 404);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_path_without_a_secret_is_served_only_if_configured() {
    let settings = Settings { bare_webhook: true, ..settings() };
    let app = TestApp::with(TestDatabase::sqlite(), strava_options(5), settings).await;

    assert_eq!(app.get(&validation("/webhook", VERIFY, "subscribe")).await.status, 200);
    let subscription = app.subscription_id().await.unwrap();
    assert_eq!(app.post("/webhook", event(subscription)).await.status, 200);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_events_are_refused_and_not_published() {
    let app = TestApp::new().await;
    let path = format!("/webhook/{SECRET}");
    let subscription = app.subscription_id().await.unwrap();

    assert_eq!(app.post(&path, "not json".to_owned()).await.status, 400);
    assert_eq!(app.post(&path, "{}".to_owned()).await.status, 400);
    assert_eq!(app.post(&path, String::new()).await.status, 400);
    assert_eq!(app.post(&path, "x".repeat(64 * 1024 + 1)).await.status, 413);
    let refused = app.post(&path, event(subscription + 1)).await;
    assert_eq!((refused.status, refused.json()["status"].as_i64()), (403, Some(403)));

    assert!(app.bus.read_all(Topic::StravaEvents).await.unwrap().is_empty());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_checked_if_a_key_is_configured() {
    let settings = Settings { signature_key: Some("signing".into()), ..settings() };
    let app = TestApp::with(TestDatabase::sqlite(), strava_options(5), settings).await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let unsigned = app.send_hint(athlete, 1, "create").await;
    assert_eq!(unsigned.status, 403);

    app.sim_post("/_sim/webhooks", json!({"signing_key": "signing"})).await;
    let id = app.create_activity(athlete, json!({})).await;

    app.wait_for_activity(athlete, id).await;
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_of_another_address_is_replaced() {
    let app = TestApp::new().await;
    let first = app.subscription_id().await.unwrap();

    let listed = app.sim_get("/_sim/webhooks/subscriptions").await.to_string();

    assert!(listed.contains(SECRET) && listed.contains(&first.to_string()), "{listed}");
    app.shut_down().await;
}

fn withdrawal() -> String {
    json!({
        "object_type": "athlete", "object_id": 7001, "aspect_type": "update", "owner_id": 7001,
        "subscription_id": 7, "event_time": 1_790_012_345, "updates": {"authorized": "false"},
    })
    .to_string()
}

/// Ids that are remembered.
#[derive(Debug, Default)]
struct RecordedIds(Mutex<Vec<EventId>>);

impl Ids for RecordedIds {
    fn fill(&self, buffer: &mut [u8]) {
        SystemIds.fill(buffer);
    }

    fn uuid_v7(&self, now: Timestamp) -> uuid::Uuid {
        let id = SystemIds.uuid_v7(now);
        self.0.lock().unwrap().push(EventId::from_uuid(id));
        id
    }
}

async fn start_without_log(database: &TestDatabase) -> (Service, String, Tasks) {
    start_without_log_with(database, Arc::new(SystemIds), StoreFaults::default()).await
}

/// Starts only the HTTP server, with an unreachable broker.
async fn start_without_log_with(
    database: &TestDatabase,
    ids: Arc<dyn Ids>,
    faults: StoreFaults,
) -> (Service, String, Tasks) {
    let clock = Arc::new(SystemClock::new());
    let http = telemetry::http_client(Duration::from_secs(10)).unwrap();
    let nowhere: url::Url = "http://127.0.0.1:9/".parse().unwrap();
    let brokers = KafkaSettings::new("127.0.0.1:9");
    let service = Service::start(Dependencies {
        database: DatabaseSettings { target: database.target(), migrate: true, faults },
        runtime: Runtime { clock: clock.clone(), ids, failpoints: Failpoints::none() },
        bus: Bus::open_kafka(brokers).await.unwrap(),
        verifier: crate::test_app::verifier(clock),
        objects: Arc::new(object_store::memory::InMemory::new()),
        strava: strava_client::Client::new(&nowhere, http.clone()).unwrap(),
        leases: LeaseClient::new(nowhere, "internal".into(), http),
        settings: Settings { subscriptions: vec![7], breaker_ms: 60_000, ..settings() },
    })
    .await
    .unwrap();
    let tasks = Tasks::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = http_kit::HttpServer::new(listener)
        .workers(1)
        .start(&tasks, service_kit::public_routes(&service))
        .unwrap();
    (service, format!("http://{}/webhook/{SECRET}", server.address()), tasks)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_log_hints_become_jobs_and_only_the_first_waits() {
    for database in [TestDatabase::sqlite(), TestDatabase::mariadb().await] {
        let (service, url, tasks) = start_without_log(&database).await;
        database
            .execute(
                "INSERT INTO connection (athlete, application, strava_athlete, generation, state, scopes, \
                 connected_at_us, reason, revision, polled_at_us, poll_tried_at_us, poll_problem, reconciled_at_us) VALUES \
                 ('0190163d-8694-739b-aea5-966c26f8ad91', 1, 7001, 1, 1, '', 0, '', 1, 0, 0, '', 0)",
            )
            .await;
        let http = telemetry::http_client(Duration::from_secs(10)).unwrap();

        let began = Instant::now();
        assert_eq!(http.post(&url).body(event(7)).send().await.unwrap().status(), 200);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        let began = Instant::now();
        assert_eq!(http.post(&url).body(event(7)).send().await.unwrap().status(), 200);
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());

        assert_eq!(
            database.query_i64("SELECT wanted FROM job WHERE subject LIKE '%/strava:1/1'").await,
            2
        );
        tasks.join(Duration::from_secs(20)).await;
        drop(service);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_log_and_database_strava_is_asked_to_deliver_again() {
    let database = TestDatabase::sqlite();
    let (service, url, tasks) = start_without_log(&database).await;
    let http = telemetry::http_client(Duration::from_secs(10)).unwrap();

    service.database().close().await.unwrap();

    for body in [event(7), withdrawal()] {
        assert_eq!(http.post(&url).body(body).send().await.unwrap().status(), 503);
    }
    tasks.join(Duration::from_secs(20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_received_without_the_log_is_published_when_it_is_back() {
    for database in [TestDatabase::sqlite(), TestDatabase::mariadb().await] {
        let recorded = Arc::new(RecordedIds::default());
        let (service, url, tasks) =
            start_without_log_with(&database, recorded.clone(), StoreFaults::default()).await;
        let http = telemetry::http_client(Duration::from_secs(10)).unwrap();

        let answer = http.post(&url).body(withdrawal()).send().await.unwrap();

        assert_eq!(answer.status(), 200);
        tasks.join(Duration::from_secs(20)).await;
        drop(service);
        let app = TestApp::with(database, strava_options(5), settings()).await;
        let hints = async || app.bus.read_all(Topic::StravaEvents).await.unwrap();
        app.wait_until("the relay has published it", async || !hints().await.is_empty()).await;
        let [record] = &hints().await[..] else { panic!("it is there once") };
        let envelope = Envelope::decode(&record.value).unwrap();
        let Payload::Hint(hint) = &envelope.payload else { panic!("it is the hint: {envelope:?}") };
        assert!(hint.deauthorized && hint.owner == 7001, "{hint:?}");
        let key = contracts::record_key(Topic::StravaEvents, None, &envelope.payload);
        assert_eq!(record.key, key, "it keeps its place among the hints of its owner");
        assert_eq!(
            *recorded.0.lock().unwrap(),
            [envelope.event_id],
            "the id is that of the first try, which may have arrived"
        );
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_that_is_acknowledged_without_the_log_is_stored_whatever_fails_meanwhile() {
    for (database, faults) in testkit::faulty_databases().await {
        let ids = Arc::new(SystemIds);
        let (service, url, tasks) = start_without_log_with(&database, ids, faults.clone()).await;
        faults.arm_only(&["forward_to_outbox"]);
        let http = telemetry::http_client(Duration::from_secs(10)).unwrap();
        let mut acknowledged = 0;
        let mut refused = 0;
        while !faults.is_done("forward_to_outbox") {
            match http.post(&url).body(withdrawal()).send().await.unwrap().status().as_u16() {
                200 => acknowledged += 1,
                503 => refused += 1,
                other => panic!("{other}"),
            }
            assert!(acknowledged + refused < 60, "not every fault was met");
        }
        let stored = database.query_i64("SELECT COUNT(*) FROM outbox").await;
        // Of those refused only the one whose commit was not answered is stored; it does no harm.
        assert!((acknowledged..=acknowledged + 1).contains(&stored), "{acknowledged}: {stored}");
        assert!(acknowledged > 0 && refused > 0, "{acknowledged} {refused}");
        tasks.join(Duration::from_secs(20)).await;
        drop(service);
    }
}

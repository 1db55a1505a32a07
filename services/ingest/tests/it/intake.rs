//! The webhook's door.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use contracts::wire::envelope::Payload;
use contracts::{Envelope, Topic};
use event_bus::{Bus, KafkaSettings};
use ingest::{Parts, Service, Settings};
use kernel::{EventId, Ids, SystemClock, SystemIds, Timestamp};
use lifecycle::{Failpoints, Tasks};
use serde_json::json;
use strava_client::lease::LeaseClient;
use strava_sim::GUARDIAN_ID;
use testkit::TestDatabase;

use crate::world::{SECRET, VERIFY, World, settings, strava};

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
    let world = World::new().await;

    let answer = world.get(&validation(&format!("/webhook/{SECRET}"), VERIFY, "subscribe")).await;

    assert_eq!(
        (answer.status, answer.text.as_str()),
        (200, r#"{"hub.challenge":"15f7d1a91c1f40f8"}"#)
    );
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("application/json"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_mode_or_path_is_refused() {
    let world = World::new().await;
    let path = format!("/webhook/{SECRET}");

    assert_eq!(world.get(&validation(&path, "guess", "subscribe")).await.status, 403);
    assert_eq!(world.get(&validation(&path, VERIFY, "unsubscribe")).await.status, 403);
    assert_eq!(world.get(&validation("/webhook/guess", VERIFY, "subscribe")).await.status, 404);
    assert_eq!(world.get(&validation("/webhook", VERIFY, "subscribe")).await.status, 404);
    assert_eq!(world.post("/webhook/guess", event(1)).await.status, 404);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bare_path_is_served_only_where_a_setting_says_so() {
    let settings = Settings { bare_webhook: true, ..settings() };
    let world = World::with(TestDatabase::sqlite(), strava(5), settings).await;

    assert_eq!(world.get(&validation("/webhook", VERIFY, "subscribe")).await.status, 200);
    let subscription = world.subscription().await.unwrap();
    assert_eq!(world.post("/webhook", event(subscription)).await.status, 200);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_of_ours_is_refused_and_nothing_is_produced() {
    let world = World::new().await;
    let path = format!("/webhook/{SECRET}");
    let subscription = world.subscription().await.unwrap();

    assert_eq!(world.post(&path, "not json".to_owned()).await.status, 400);
    assert_eq!(world.post(&path, "{}".to_owned()).await.status, 400);
    assert_eq!(world.post(&path, String::new()).await.status, 400);
    assert_eq!(world.post(&path, "x".repeat(64 * 1024 + 1)).await.status, 413);
    let refused = world.post(&path, event(subscription + 1)).await;
    assert_eq!((refused.status, refused.json()["status"].as_i64()), (403, Some(403)));

    assert!(world.bus.read_all(Topic::StravaEvents).await.unwrap().is_empty());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_checked_where_a_key_is_set() {
    let settings = Settings { signature_key: Some("signing".into()), ..settings() };
    let world = World::with(TestDatabase::sqlite(), strava(5), settings).await;
    let person = world.connect(GUARDIAN_ID).await;
    let unsigned = world.hint(person, 1, "create").await;
    assert_eq!(unsigned.status, 403);

    world.sim_post("/_sim/webhooks", json!({"signing_key": "signing"})).await;
    let id = world.create(person, json!({})).await;

    world
        .eventually("the signed one is taken", async || world.known(person).await.contains_key(&id))
        .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_leads_elsewhere_is_replaced() {
    let world = World::new().await;
    let first = world.subscription().await.unwrap();

    let listed = world.sim_get("/_sim/webhooks/subscriptions").await.to_string();

    assert!(listed.contains(SECRET) && listed.contains(&first.to_string()), "{listed}");
    world.end().await;
}

fn withdrawal() -> String {
    json!({
        "object_type": "athlete", "object_id": 7001, "aspect_type": "update", "owner_id": 7001,
        "subscription_id": 7, "event_time": 1_790_012_345, "updates": {"authorized": "false"},
    })
    .to_string()
}

/// Remembers every id it mints.
#[derive(Debug, Default)]
struct Remembering(Mutex<Vec<EventId>>);

impl Ids for Remembering {
    fn fill(&self, buffer: &mut [u8]) {
        SystemIds.fill(buffer);
    }

    fn uuid_v7(&self, now: Timestamp) -> uuid::Uuid {
        let id = SystemIds.uuid_v7(now);
        self.0.lock().unwrap().push(EventId::from_uuid(id));
        id
    }
}

async fn without_a_log(database: &TestDatabase) -> (Service, String, Tasks) {
    without_a_log_with(database, Arc::new(SystemIds)).await
}

/// Only the doors, over a broker that is not there.
async fn without_a_log_with(
    database: &TestDatabase,
    ids: Arc<dyn Ids>,
) -> (Service, String, Tasks) {
    let clock = Arc::new(SystemClock::new());
    let http = telemetry::http_client(Duration::from_secs(10)).unwrap();
    let nowhere: url::Url = "http://127.0.0.1:9/".parse().unwrap();
    let brokers = KafkaSettings::new("127.0.0.1:9");
    let service = Service::start(Parts {
        database: database.target(),
        bus: Bus::open_kafka(brokers).await.unwrap(),
        clock: clock.clone(),
        ids,
        verifier: crate::world::verifier(clock),
        objects: Arc::new(object_store::memory::InMemory::new()),
        strava: strava_client::Client::new(&nowhere, http.clone()).unwrap(),
        leases: LeaseClient::new(nowhere, "internal".into(), http),
        migrate: true,
        failpoints: Failpoints::none(),
        settings: Settings { subscriptions: vec![7], breaker_ms: 60_000, ..settings() },
    })
    .await
    .unwrap();
    let tasks = Tasks::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let door =
        http_kit::HttpServer::new(listener).workers(1).start(&tasks, service.routes()).unwrap();
    (service, format!("http://{}/webhook/{SECRET}", door.address()), tasks)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_log_is_away_hints_go_into_the_job_table_and_only_the_first_waits() {
    for database in [TestDatabase::sqlite(), TestDatabase::mariadb().await] {
        let (service, url, tasks) = without_a_log(&database).await;
        database
            .run(
                "INSERT INTO connection (athlete, application, strava_athlete, generation, state, scopes, \
                 connected_at_us, reason, revision, head_at_us, head_tried_us, head_problem, turned_at_us) VALUES \
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

        assert_eq!(database.number("SELECT wanted FROM job WHERE subject = '1:1'").await, 2);
        tasks.join(Duration::from_secs(20)).await;
        drop(service);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_log_and_database_are_away_strava_is_asked_to_come_again() {
    let database = TestDatabase::sqlite();
    let (service, url, tasks) = without_a_log(&database).await;
    let http = telemetry::http_client(Duration::from_secs(10)).unwrap();

    service.database().close().await.unwrap();

    for body in [event(7), withdrawal()] {
        assert_eq!(http.post(&url).body(body).send().await.unwrap().status(), 503);
    }
    tasks.join(Duration::from_secs(20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_told_while_the_log_is_away_is_on_the_log_when_it_is_back() {
    for database in [TestDatabase::sqlite(), TestDatabase::mariadb().await] {
        let minted = Arc::new(Remembering::default());
        let (service, url, tasks) = without_a_log_with(&database, minted.clone()).await;
        let http = telemetry::http_client(Duration::from_secs(10)).unwrap();

        let answer = http.post(&url).body(withdrawal()).send().await.unwrap();

        assert_eq!(answer.status(), 200);
        tasks.join(Duration::from_secs(20)).await;
        drop(service);
        let world = World::with(database, strava(5), settings()).await;
        let hints = async || world.bus.read_all(Topic::StravaEvents).await.unwrap();
        world.eventually("the relay has published it", async || !hints().await.is_empty()).await;
        let [record] = &hints().await[..] else { panic!("it is there once") };
        let envelope = Envelope::decode(&record.value).unwrap();
        let Payload::Hint(hint) = &envelope.payload else { panic!("it is the hint: {envelope:?}") };
        assert!(hint.deauthorized && hint.owner == 7001, "{hint:?}");
        let key = contracts::record_key(Topic::StravaEvents, None, &envelope.payload);
        assert_eq!(record.key, key, "it keeps its place among the hints of its owner");
        assert_eq!(
            *minted.0.lock().unwrap(),
            [envelope.event_id],
            "the id is that of the first try, which may have arrived"
        );
        world.end().await;
    }
}

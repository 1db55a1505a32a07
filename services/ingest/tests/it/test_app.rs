//! A running ingest with a simulated Strava, a log, a database, an object store and a fake lease service.

mod leases;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contracts::activities::ActivityChanged;
use contracts::athletes::{AthleteChanged, Connection, ConnectionState, athlete_changed::Change};
use contracts::wire::envelope::Payload;
use contracts::{Cause, Envelope, Event, Topic};
use event_bus::{BuiltInLogSettings, Bus, PublisherKind};
use ingest::{Dependencies, Service, Settings};
use kernel::{AthleteId, Clock, EventId, Ids, SystemClock, SystemIds, Timestamp};
use lifecycle::{Failpoints, Tasks};
use object_store::local::LocalFileSystem;
use outbox::StoreFaults;
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::{DatabaseSettings, Runtime, Service as _};
use strava_client::lease::LeaseClient;
use strava_sim::{Limits, Options, Simulator};
use testkit::{TestDatabase, TokenSigner};

pub(crate) use leases::FakeLeases;

pub(crate) const SECRET: &str = "s3cret-path";
pub(crate) const VERIFY: &str = "verify-me";
pub(crate) const API_KEY: &str = "refresh-key";
pub(crate) const SCOPES: &str = "read,activity:read_all,activity:write";

pub(crate) struct TestApp {
    pub(crate) service: Service,
    pub(crate) bus: Bus,
    pub(crate) clock: Arc<SystemClock>,
    pub(crate) leases: FakeLeases,
    pub(crate) objects: Arc<LocalFileSystem>,
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    pub(crate) database: TestDatabase,
    sim: Simulator,
    tasks: Tasks,
    _directory: tempfile::TempDir,
}

/// An athlete with a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TestAthlete {
    pub(crate) id: AthleteId,
    pub(crate) strava_id: i64,
}

/// A published activity with its envelope.
#[derive(Clone, Debug)]
pub(crate) struct PublishedActivity {
    pub(crate) topic: Topic,
    pub(crate) envelope: Envelope,
    pub(crate) activity: ActivityChanged,
}

impl PublishedActivity {
    pub(crate) fn name(&self) -> &str {
        self.activity.facts.as_ref().map_or("", |facts| facts.name.as_str())
    }
}

/// A response read to its end.
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl TestResponse {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }
}

pub(crate) fn verifier(clock: Arc<dyn Clock>) -> Arc<auth::Verifier> {
    TokenSigner::shared().verifier(clock)
}

pub(crate) fn settings() -> Settings {
    Settings {
        application: 1,
        client_secret: Some("sim-secret".into()),
        webhook_secret: Some(SECRET.into()),
        verify_token: Some(VERIFY.into()),
        refresh_api_key: Some(API_KEY.into()),
        ..Settings::default()
    }
}

/// Options of a simulated Strava without limits whose last athlete has this many activities.
pub(crate) fn strava_options(history: u32) -> Options {
    Options {
        limits: Limits::unlimited(),
        instant: true,
        history: Some(history),
        ..Options::default()
    }
}

/// Returns the simulator's last athlete, who has exactly the configured number of activities.
pub(crate) async fn last_athlete(app: &TestApp) -> i64 {
    let athletes = app.sim_get("/_sim/athletes").await;
    athletes.as_array().unwrap().last().unwrap()["id"].as_i64().unwrap()
}

pub(crate) fn message<E: Event>(athlete: Option<AthleteId>, body: E) -> Envelope {
    Envelope {
        event_id: EventId::from_uuid(SystemIds.uuid_v7(SystemClock::new().now())),
        occurred_at: SystemClock::new().now(),
        athlete,
        origins: Vec::new(),
        cause: Cause::Operator,
        replay: false,
        traceparent: String::new(),
        payload: body.into_payload(),
    }
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::with(TestDatabase::sqlite(), strava_options(20), settings()).await
    }

    pub(crate) async fn with(database: TestDatabase, options: Options, settings: Settings) -> Self {
        Self::with_faults(database, options, settings, StoreFaults::default()).await
    }

    pub(crate) async fn with_faults(
        database: TestDatabase,
        options: Options,
        settings: Settings,
        faults: StoreFaults,
    ) -> Self {
        let sim = Simulator::start(options).await.unwrap();
        let clock = Arc::new(SystemClock::new());
        let directory = tempfile::tempdir().unwrap();
        let log = BuiltInLogSettings {
            partitions: 3,
            ..BuiltInLogSettings::new(directory.path().join("bus.db"), clock.clone())
        };
        let bus = Bus::open_built_in(log).await.unwrap();
        bus.ensure_topics(&Topic::ALL).await.unwrap();
        let objects = directory.path().join("objects");
        std::fs::create_dir(&objects).unwrap();
        let objects = Arc::new(LocalFileSystem::new_with_prefix(objects).unwrap());
        let tasks = Tasks::new();
        let leases = FakeLeases::new(&sim.url());
        let lender = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let lender =
            http_kit::HttpServer::new(lender).workers(1).start(&tasks, leases.routes()).unwrap();
        let lender = format!("http://{}/", lender.address()).parse().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let http = telemetry::http_client(Duration::from_secs(20)).unwrap();
        let runtime = Runtime {
            clock: clock.clone(),
            ids: Arc::new(SystemIds),
            failpoints: Failpoints::none(),
        };
        let service = Service::start(Dependencies {
            database: DatabaseSettings { target: database.target(), migrate: true, faults },
            runtime: runtime.clone(),
            bus: bus.clone(),
            verifier: verifier(clock.clone()),
            objects: objects.clone(),
            strava: strava_client::Client::new(&sim.url().parse().unwrap(), http.clone()).unwrap(),
            leases: LeaseClient::new(lender, "internal".into(), http.clone()),
            settings: Settings { public_url: Some(base.parse().unwrap()), ..settings },
        })
        .await
        .unwrap();
        http_kit::HttpServer::new(listener)
            .workers(1)
            .start(&tasks, service_kit::public_routes(&service))
            .unwrap();
        service_kit::spawn(&service, &bus, &runtime, &tasks);
        let app = Self {
            service,
            bus,
            clock,
            leases,
            objects,
            base,
            http,
            database,
            sim,
            tasks,
            _directory: directory,
        };
        app.wait_until_subscribed().await;
        app
    }

    async fn wait_until_subscribed(&self) {
        self.wait_until("Strava's subscription leads here", async || {
            self.subscription_id().await.is_some()
        })
        .await;
        // Until the subscription is complete, unknown ids are answered with 503.
        let stranger = json!({
            "object_type": "activity", "object_id": 1, "aspect_type": "create", "owner_id": 1,
            "subscription_id": -1, "event_time": 1,
        });
        self.wait_until("the subscription is complete", async || {
            let path = format!("/webhook/{SECRET}");
            self.post(&path, stranger.to_string()).await.status == 403
        })
        .await;
    }

    /// Stops all tasks and drops the database.
    pub(crate) async fn shut_down(self) {
        assert_eq!(self.tasks.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Clean);
        self.sim.stop().await;
        drop(self.database);
    }

    /// Connects an athlete and waits for the backfill.
    pub(crate) async fn connect(&self, strava_id: i64) -> TestAthlete {
        let athlete = self.start_connect(strava_id).await;
        self.wait_for_backfill(athlete).await;
        self.wait_until_idle().await;
        athlete
    }

    /// Connects an athlete without waiting for the backfill.
    pub(crate) async fn start_connect(&self, strava_id: i64) -> TestAthlete {
        self.connect_as(AthleteId::from_uuid(SystemIds.uuid_v7(self.clock.now())), strava_id).await
    }

    /// Connects an athlete with a given id without waiting for the backfill.
    pub(crate) async fn connect_as(&self, id: AthleteId, strava_id: i64) -> TestAthlete {
        let athlete = TestAthlete { id, strava_id };
        self.leases.connect(id, strava_id, SCOPES).await;
        self.publish_reconnect(athlete, 1, 1).await;
        athlete
    }

    /// Publishes that the connection has this generation.
    pub(crate) async fn publish_reconnect(
        &self,
        athlete: TestAthlete,
        generation: i64,
        revision: i64,
    ) {
        self.set_connection_state(athlete, generation, revision, ConnectionState::Connected).await;
    }

    pub(crate) async fn set_connection_state(
        &self,
        athlete: TestAthlete,
        generation: i64,
        revision: i64,
        state: ConnectionState,
    ) {
        let connection = Connection {
            application: 1,
            strava_athlete: athlete.strava_id,
            generation,
            state: state.into(),
            scopes: SCOPES.split(',').map(str::to_owned).collect(),
            connected_at_us: self.clock.now().as_micros(),
            reason: String::new(),
        };
        self.publish_change(athlete, revision, Change::Connection(connection)).await;
    }

    pub(crate) async fn publish_change(&self, athlete: TestAthlete, revision: i64, change: Change) {
        let body = AthleteChanged { revision, change: Some(change) };
        self.publish(Topic::Athletes, message(Some(athlete.id), body)).await;
    }

    pub(crate) async fn publish(&self, topic: Topic, envelope: Envelope) {
        let key = contracts::record_key(topic, envelope.athlete, &envelope.payload);
        self.bus
            .publisher(PublisherKind::Relay)
            .publish(topic, &key, envelope.encode())
            .await
            .unwrap();
    }

    pub(crate) async fn wait_for_backfill(&self, athlete: TestAthlete) {
        let query = format!(
            "SELECT COUNT(*) FROM backfill WHERE state = 'done' AND athlete = '{}'",
            athlete.id
        );
        self.wait_until("the backfill is done", async || self.query_number(&query).await == 1)
            .await;
    }

    /// Waits until no work is due.
    pub(crate) async fn wait_until_idle(&self) {
        let mut still = 0;
        self.wait_until("no work is due", async || self.is_idle().await).await;
        while still < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            still = if self.is_idle().await { still + 1 } else { 0 };
        }
    }

    async fn is_idle(&self) -> bool {
        let now = self.clock.now().as_micros();
        let busy = format!(
            "SELECT COUNT(*) FROM job WHERE state = 0 AND (due_us <= {now} OR lease_until_us > {now})"
        );
        self.bus.total_lag().await.unwrap() == 0
            && self.query_number(&busy).await == 0
            && self.query_number("SELECT COUNT(*) FROM outbox WHERE published_at_us = 0").await == 0
    }

    pub(crate) async fn query_number(&self, query: &str) -> i64 {
        let readers = self.service.database().readers();
        outbox::sql::fetch_scalar(readers, query, []).await.unwrap().unwrap()
    }

    pub(crate) async fn wait_until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        for _ in 0..3_000 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not within 30 s: {what}");
    }

    /// Advances both clocks and wakes the workers.
    pub(crate) async fn advance_clock(&self, seconds: i64) {
        let now = self.sim_post("/_sim/clock", json!({ "advance_s": seconds })).await;
        self.clock.set_offset(now["offset_s"].as_i64().unwrap());
        self.service.database().jobs_signal().notify();
    }

    /// Returns all messages about the athlete's activities, by revision.
    pub(crate) async fn published_activities(
        &self,
        athlete: TestAthlete,
    ) -> Vec<PublishedActivity> {
        let mut published = Vec::new();
        for topic in [Topic::Activities, Topic::ActivitiesBulk] {
            for record in self.bus.read_all(topic).await.unwrap() {
                let envelope = Envelope::decode(&record.value).unwrap();
                if let Payload::ActivityChanged(activity) = envelope.payload.clone()
                    && envelope.athlete == Some(athlete.id)
                {
                    published.push(PublishedActivity { topic, envelope, activity });
                }
            }
        }
        published.sort_by_key(|published| published.activity.revision);
        published
    }

    /// Returns the newest message of each activity that is not removed, by Strava's id.
    pub(crate) async fn current_activities(
        &self,
        athlete: TestAthlete,
    ) -> BTreeMap<i64, PublishedActivity> {
        let mut known = BTreeMap::new();
        for published in self.published_activities(athlete).await {
            known.insert(published.activity.strava_activity, published);
        }
        known.retain(|_, published| !published.activity.removed);
        known
    }

    pub(crate) async fn wait_for_activity(&self, athlete: TestAthlete, strava_activity: i64) {
        self.wait_until("the activity is published", async || {
            self.current_activities(athlete).await.contains_key(&strava_activity)
        })
        .await;
    }

    pub(crate) async fn subscription_id(&self) -> Option<i64> {
        let query = "SELECT COALESCE(MAX(id), 0) FROM subscription";
        Some(self.query_number(query).await).filter(|id| *id != 0)
    }

    /// Sends an event as Strava does.
    pub(crate) async fn send_hint(
        &self,
        athlete: TestAthlete,
        activity: i64,
        aspect: &str,
    ) -> TestResponse {
        let now = self.sim_get("/_sim/clock").await["now_s"].as_i64().unwrap();
        let event = json!({
            "object_type": "activity", "object_id": activity, "aspect_type": aspect, "updates": {},
            "owner_id": athlete.strava_id, "subscription_id": self.subscription_id().await, "event_time": now,
        });
        self.post(&format!("/webhook/{SECRET}"), event.to_string()).await
    }

    pub(crate) async fn post(&self, path: &str, body: String) -> TestResponse {
        self.send(self.http.post(format!("{}{path}", self.base)).body(body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> TestResponse {
        self.send(self.http.get(format!("{}{path}", self.base))).await
    }

    /// Sends a GET request as this athlete.
    pub(crate) async fn get_as(&self, athlete: TestAthlete, path: &str) -> TestResponse {
        self.send_as(athlete, Method::GET, path).await
    }

    /// Sends a POST request without a body as this athlete.
    pub(crate) async fn post_as(&self, athlete: TestAthlete, path: &str) -> TestResponse {
        self.send_as(athlete, Method::POST, path).await
    }

    /// Sends a DELETE request as this athlete.
    pub(crate) async fn delete_as(&self, athlete: TestAthlete, path: &str) -> TestResponse {
        self.send_as(athlete, Method::DELETE, path).await
    }

    async fn send_as(&self, athlete: TestAthlete, method: Method, path: &str) -> TestResponse {
        let token = TokenSigner::shared().athlete_token(
            athlete.id,
            "access",
            self.clock.now().as_secs() + 3_600,
        );
        let request = self.http.request(method, format!("{}{path}", self.base));
        self.send(request.bearer_auth(token)).await
    }

    pub(crate) async fn refresh(&self) -> TestResponse {
        let request = self.http.post(format!("{}/strava/refresh-data", self.base));
        self.send(request.header("x-api-key", API_KEY)).await
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> TestResponse {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await.unwrap();
        TestResponse { status, headers, text: String::from_utf8_lossy(&body).into_owned() }
    }

    /// Creates an activity at Strava. Unless `silent`, Strava sends an event.
    pub(crate) async fn create_activity(&self, athlete: TestAthlete, mut with: Value) -> i64 {
        with["athlete"] = athlete.strava_id.into();
        self.sim_post("/_sim/activities", with).await["id"].as_i64().unwrap()
    }

    pub(crate) async fn edit_activity(&self, activity: i64, with: Value) {
        let url = format!("{}/_sim/activities/{activity}", self.sim.url());
        assert!(self.http.put(url).json(&with).send().await.unwrap().status().is_success());
    }

    pub(crate) async fn delete_activity(&self, activity: i64, silent: bool) {
        let url = format!("{}/_sim/activities/{activity}?silent={silent}", self.sim.url());
        assert!(self.http.delete(url).send().await.unwrap().status().is_success());
    }

    pub(crate) async fn add_fault(&self, rule: Value) {
        self.sim_post("/_sim/faults", rule).await;
    }

    pub(crate) async fn clear_faults(&self) {
        self.http.delete(format!("{}/_sim/faults", self.sim.url())).send().await.unwrap();
    }

    /// Returns the number of calls of Strava's endpoint.
    pub(crate) async fn call_count(&self, endpoint: &str) -> u64 {
        self.sim_get("/_sim/counters").await["calls"][endpoint].as_u64().unwrap_or(0)
    }

    pub(crate) async fn sim_post(&self, path: &str, body: Value) -> Value {
        let answer =
            self.http.post(format!("{}{path}", self.sim.url())).json(&body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) async fn sim_get(&self, path: &str) -> Value {
        self.http
            .get(format!("{}{path}", self.sim.url()))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

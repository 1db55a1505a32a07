//! A running ingest with a simulated Strava, a log, a database, a store of objects and somebody who lends tokens.

mod leases;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contracts::activities::ActivityChanged;
use contracts::athletes::{AthleteChanged, Connection, ConnectionState, athlete_changed::Change};
use contracts::wire::envelope::Payload;
use contracts::{Cause, Envelope, Event, Topic};
use event_bus::{BuiltInLogSettings, Bus, PublisherKind};
use ingest::{Parts, Service, Settings};
use kernel::{AthleteId, Clock, EventId, Ids, SystemClock, SystemIds, Timestamp};
use lifecycle::{Failpoints, Tasks};
use object_store::local::LocalFileSystem;
use serde_json::{Value, json};
use strava_client::lease::LeaseClient;
use strava_sim::{Limits, Options, Simulator};
use testkit::{TestDatabase, TokenSigner};

pub(crate) use leases::Leases;

pub(crate) const SECRET: &str = "s3cret-path";
pub(crate) const VERIFY: &str = "verify-me";
pub(crate) const API_KEY: &str = "refresh-key";
pub(crate) const SCOPES: &str = "read,activity:read_all,activity:write";

pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) bus: Bus,
    pub(crate) clock: Arc<SystemClock>,
    pub(crate) leases: Leases,
    pub(crate) objects: Arc<LocalFileSystem>,
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    pub(crate) database: TestDatabase,
    sim: Simulator,
    tasks: Tasks,
    _directory: tempfile::TempDir,
}

/// Somebody with a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    pub(crate) athlete: AthleteId,
    pub(crate) strava: i64,
}

/// A message, and what its envelope says.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) topic: Topic,
    pub(crate) envelope: Envelope,
    pub(crate) activity: ActivityChanged,
}

impl Told {
    pub(crate) fn name(&self) -> &str {
        self.activity.facts.as_ref().map_or("", |facts| facts.name.as_str())
    }
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
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

/// A simulated Strava without limits whose last athlete has this history.
pub(crate) fn strava(history: u32) -> Options {
    Options {
        limits: Limits::unlimited(),
        instant: true,
        history: Some(history),
        ..Options::default()
    }
}

/// The simulator's last athlete, whose history has exactly as many activities as it was told.
pub(crate) async fn last(world: &World) -> i64 {
    let athletes = world.sim_get("/_sim/athletes").await;
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

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(TestDatabase::sqlite(), strava(20), settings()).await
    }

    pub(crate) async fn with(database: TestDatabase, options: Options, settings: Settings) -> Self {
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
        let leases = Leases::of(&sim.url());
        let lender = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let lender =
            http_kit::HttpServer::new(lender).workers(1).start(&tasks, leases.routes()).unwrap();
        let lender = format!("http://{}/", lender.address()).parse().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let http = telemetry::http_client(Duration::from_secs(20)).unwrap();
        let service = Service::start(Parts {
            database: database.target(),
            bus: bus.clone(),
            clock: clock.clone(),
            ids: Arc::new(SystemIds),
            verifier: verifier(clock.clone()),
            objects: objects.clone(),
            strava: strava_client::Client::new(&sim.url().parse().unwrap(), http.clone()).unwrap(),
            leases: LeaseClient::new(lender, "internal".into(), http.clone()),
            migrate: true,
            failpoints: Failpoints::none(),
            settings: Settings { public_url: Some(base.parse().unwrap()), ..settings },
        })
        .await
        .unwrap();
        http_kit::HttpServer::new(listener).workers(1).start(&tasks, service.routes()).unwrap();
        service.spawn(&tasks);
        let world = Self {
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
        world
            .eventually("Strava's subscription leads here", async || {
                world.subscription().await.is_some()
            })
            .await;
        world
    }

    /// Ends everything and drops the database.
    pub(crate) async fn end(self) {
        assert_eq!(self.tasks.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Clean);
        self.sim.stop().await;
        drop(self.database);
    }

    /// Somebody connects for the first time; their past is read.
    pub(crate) async fn connect(&self, strava: i64) -> Person {
        let person = self.connect_only(strava).await;
        self.imported(person).await;
        self.quiet().await;
        person
    }

    /// The same without waiting for the past.
    pub(crate) async fn connect_only(&self, strava: i64) -> Person {
        self.connect_as(AthleteId::from_uuid(SystemIds.uuid_v7(self.clock.now())), strava).await
    }

    /// The same for an athlete whose id is known beforehand.
    pub(crate) async fn connect_as(&self, athlete: AthleteId, strava: i64) -> Person {
        let person = Person { athlete, strava };
        self.leases.connect(athlete, strava, SCOPES).await;
        self.reconnect(person, 1, 1).await;
        person
    }

    /// token says that the connection has this generation.
    pub(crate) async fn reconnect(&self, person: Person, generation: i64, revision: i64) {
        self.say(person, generation, revision, ConnectionState::Connected).await;
    }

    pub(crate) async fn say(
        &self,
        person: Person,
        generation: i64,
        revision: i64,
        state: ConnectionState,
    ) {
        let connection = Connection {
            application: 1,
            strava_athlete: person.strava,
            generation,
            state: state.into(),
            scopes: SCOPES.split(',').map(str::to_owned).collect(),
            connected_at_us: self.clock.now().as_micros(),
            reason: String::new(),
        };
        self.change(person, revision, Change::Connection(connection)).await;
    }

    pub(crate) async fn change(&self, person: Person, revision: i64, change: Change) {
        let body = AthleteChanged { revision, change: Some(change) };
        self.publish(Topic::Athletes, message(Some(person.athlete), body)).await;
    }

    pub(crate) async fn publish(&self, topic: Topic, envelope: Envelope) {
        let key = contracts::record_key(topic, envelope.athlete, &envelope.payload);
        self.bus
            .publisher(PublisherKind::Relay)
            .publish(topic, &key, envelope.encode())
            .await
            .unwrap();
    }

    pub(crate) async fn imported(&self, person: Person) {
        let query = format!(
            "SELECT COUNT(*) FROM import WHERE state = 'done' AND athlete = '{}'",
            person.athlete
        );
        self.eventually("the past is read", async || self.number(&query).await == 1).await;
    }

    /// Waits until nothing is left to do now.
    pub(crate) async fn quiet(&self) {
        let mut still = 0;
        self.eventually("nothing is left to do", async || self.is_quiet().await).await;
        while still < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            still = if self.is_quiet().await { still + 1 } else { 0 };
        }
    }

    async fn is_quiet(&self) -> bool {
        let now = self.clock.now().as_micros();
        let busy = format!(
            "SELECT COUNT(*) FROM job WHERE state = 0 AND (due_us <= {now} OR lease_until_us > {now})"
        );
        self.bus.total_lag().await.unwrap() == 0
            && self.number(&busy).await == 0
            && self.number("SELECT COUNT(*) FROM outbox WHERE published_at_us = 0").await == 0
    }

    pub(crate) async fn number(&self, query: &str) -> i64 {
        let row = outbox::sql::one(self.service.database().readers(), query, []).await.unwrap();
        row.unwrap().try_get_by_index(0).unwrap()
    }

    pub(crate) async fn eventually(&self, what: &str, holds: impl AsyncFn() -> bool) {
        for _ in 0..3_000 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not within 30 s: {what}");
    }

    /// Both clocks go forward, and everybody looks at them.
    pub(crate) async fn pass(&self, seconds: i64) {
        let now = self.sim_post("/_sim/clock", json!({ "advance_s": seconds })).await;
        self.clock.set_offset(now["offset_s"].as_i64().unwrap());
        self.service.database().bell().notify_one();
    }

    /// Everything told of the athlete's activities, in order.
    pub(crate) async fn messages(&self, person: Person) -> Vec<Told> {
        let mut told = Vec::new();
        for topic in [Topic::Activities, Topic::ActivitiesBulk] {
            for record in self.bus.read_all(topic).await.unwrap() {
                let envelope = Envelope::decode(&record.value).unwrap();
                if let Payload::ActivityChanged(activity) = envelope.payload.clone()
                    && envelope.athlete == Some(person.athlete)
                {
                    told.push(Told { topic, envelope, activity });
                }
            }
        }
        told.sort_by_key(|told| told.activity.revision);
        told
    }

    /// What a consumer knows: the newest of each that is not removed, by Strava's id.
    pub(crate) async fn known(&self, person: Person) -> BTreeMap<i64, Told> {
        let mut known = BTreeMap::new();
        for told in self.messages(person).await {
            known.insert(told.activity.strava_activity, told);
        }
        known.retain(|_, told| !told.activity.removed);
        known
    }

    pub(crate) async fn subscription(&self) -> Option<i64> {
        let query = "SELECT COALESCE(MAX(id), 0) FROM subscription";
        Some(self.number(query).await).filter(|id| *id != 0)
    }

    /// An event as Strava would send it.
    pub(crate) async fn hint(&self, person: Person, activity: i64, aspect: &str) -> Answer {
        let now = self.sim_get("/_sim/clock").await["now_s"].as_i64().unwrap();
        let event = json!({
            "object_type": "activity", "object_id": activity, "aspect_type": aspect, "updates": {},
            "owner_id": person.strava, "subscription_id": self.subscription().await, "event_time": now,
        });
        self.post(&format!("/webhook/{SECRET}"), event.to_string()).await
    }

    pub(crate) async fn post(&self, path: &str, body: String) -> Answer {
        self.send(self.http.post(format!("{}{path}", self.base)).body(body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.base))).await
    }

    /// Asks as this person.
    pub(crate) async fn ask(&self, person: Person, path: &str) -> Answer {
        let token = TokenSigner::shared().athlete_token(
            person.athlete,
            "access",
            self.clock.now().as_secs() + 3_600,
        );
        self.send(self.http.get(format!("{}{path}", self.base)).bearer_auth(token)).await
    }

    pub(crate) async fn refresh(&self) -> Answer {
        let request = self.http.post(format!("{}/strava/refresh-data", self.base));
        self.send(request.header("x-api-key", API_KEY)).await
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            text: answer.text().await.unwrap(),
        }
    }

    /// Something happens at Strava. Without `silent` a webhook tells.
    pub(crate) async fn create(&self, person: Person, mut with: Value) -> i64 {
        with["athlete"] = person.strava.into();
        self.sim_post("/_sim/activities", with).await["id"].as_i64().unwrap()
    }

    pub(crate) async fn edit(&self, activity: i64, with: Value) {
        let url = format!("{}/_sim/activities/{activity}", self.sim.url());
        assert!(self.http.put(url).json(&with).send().await.unwrap().status().is_success());
    }

    pub(crate) async fn delete(&self, activity: i64, silent: bool) {
        let url = format!("{}/_sim/activities/{activity}?silent={silent}", self.sim.url());
        assert!(self.http.delete(url).send().await.unwrap().status().is_success());
    }

    pub(crate) async fn fault(&self, rule: Value) {
        self.sim_post("/_sim/faults", rule).await;
    }

    pub(crate) async fn no_faults(&self) {
        self.http.delete(format!("{}/_sim/faults", self.sim.url())).send().await.unwrap();
    }

    /// How often Strava was asked.
    pub(crate) async fn calls(&self, endpoint: &str) -> u64 {
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

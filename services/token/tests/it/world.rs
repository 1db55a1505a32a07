//! A running service next to a simulated Strava whose clock goes with ours.

mod signer;

use std::sync::Arc;
use std::time::Duration;

use auth::ServiceCredential;
use contracts::athletes::{AthleteChanged, Connection, athlete_changed::Change};
use contracts::strava::{Aspect, Hint, ObjectType};
use contracts::{Cause, Envelope, Event, Topic, key_of};
use event_bus::{Bus, LogSettings, PublisherKind};
use kernel::{
    ApplicationId, AthleteId, Clock, EventId, Generation, Ids, SystemClock, SystemIds, Timestamp,
};
use lifecycle::{Failpoints, Tasks};
use serde_json::{Value, json};
use signer::signer;
use strava_client::lease::{Lease, LeaseClient, LeaseRefused, LeaseRequest, Purpose};
use strava_sim::{Options, Simulator};
use testkit::TestDatabase;
use token::{Keyring, Parts, Service, Settings};
use url::Url;

pub(crate) const GUARDIAN: i64 = strava_sim::GUARDIAN_ID;
pub(crate) const CHILD: i64 = strava_sim::CHILD_ID;
pub(crate) const APP: ApplicationId = ApplicationId::new(1);
const SECRET: &str = "between-services";

pub(crate) struct World {
    pub(crate) bus: Bus,
    pub(crate) clock: Arc<SystemClock>,
    pub(crate) strava: strava_client::Client,
    pub(crate) leases: LeaseClient,
    pub(crate) database: TestDatabase,
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    pub(crate) internal: String,
    offset_s: std::sync::atomic::AtomicI64,
    sim: Simulator,
    tasks: Tasks,
    folder: tempfile::TempDir,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<Url>,
    pub(crate) cookie: Option<String>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let header = |name: &str| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        Self {
            status: response.status().as_u16(),
            location: header("location").map(|url| Url::parse(&url).unwrap()),
            cookie: header("set-cookie").map(|cookie| cookie.split(';').next().unwrap().to_owned()),
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// How a connect ended: the query of the front end's address.
    pub(crate) fn ending(&self) -> String {
        assert_eq!(self.status, 307, "{self:?}");
        let location = self.location.as_ref().unwrap();
        assert_eq!(location.host_str(), Some("front.example"));
        location.query().unwrap_or_default().to_owned()
    }
}

pub(crate) fn new_athlete() -> AthleteId {
    AthleteId::from_uuid(SystemIds.uuid_v7(Timestamp::from_secs(1)))
}

/// How a service is started when a test wants it otherwise.
pub(crate) struct Start {
    pub(crate) keys: String,
    pub(crate) settings: Settings,
}

pub(crate) const KEY_A: &str = "a YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=";
pub(crate) const KEY_B: &str = "b YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=";

impl Default for Start {
    fn default() -> Self {
        let settings = Settings {
            client_id: Some(1),
            client_secret: Some("sim-secret".to_owned().into()),
            frontend_url: Some(Url::parse("https://front.example/").unwrap()),
            refresh_patience_s: 1,
            inactive_retry_s: 60,
            ..Settings::default()
        };
        Self { keys: KEY_A.to_owned(), settings }
    }
}

impl World {
    /// Two minutes into a quarter of an hour, shortly after noon UTC.
    pub(crate) async fn new(database: TestDatabase) -> Self {
        let sim = Simulator::start(Options { instant: true, ..Options::default() }).await.unwrap();
        Self::with(database, sim, Start::default(), tempfile::tempdir().unwrap()).await
    }

    /// The same Strava, database and log with a service started otherwise.
    pub(crate) async fn restarted(self, start: Start) -> Self {
        let Self { database, sim, tasks, folder, offset_s, bus, .. } = self;
        assert_eq!(tasks.join(Duration::from_secs(20)).await, lifecycle::Outcome::Clean);
        drop(bus);
        drop(tasks);
        let world = Self::with(database, sim, start, folder).await;
        world.move_clock(offset_s.into_inner()).await;
        world
    }

    async fn with(
        database: TestDatabase,
        sim: Simulator,
        start: Start,
        folder: tempfile::TempDir,
    ) -> Self {
        let clock = Arc::new(SystemClock::new());
        let mut log = LogSettings::new(folder.path().join("bus.db"), clock.clone());
        log.partitions = 3;
        let bus = Bus::built_in(log).await.unwrap();
        bus.ensure_topics(&Topic::ALL).await.unwrap();
        let http =
            reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let strava =
            strava_client::Client::new(&Url::parse(&sim.url()).unwrap(), http.clone()).unwrap();
        let listener = http_kit::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let credential = ServiceCredential::new(SECRET.to_owned().into());
        let service = Service::start(Parts {
            database: database.target(),
            bus: bus.clone(),
            clock: clock.clone(),
            ids: Arc::new(SystemIds),
            verifier: signer().verifier(clock.clone()),
            internal: credential.clone(),
            strava: strava.clone(),
            keys: Keyring::parse(&start.keys).unwrap(),
            public_url: Url::parse(&base).unwrap(),
            failpoints: Failpoints::none(),
            settings: start.settings,
        })
        .await
        .unwrap();
        let tasks = Tasks::new();
        service.spawn(&tasks);
        http_kit::Door::new(listener).workers(2).open(&tasks, service.routes()).unwrap();
        let listener = http_kit::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let internal = format!("http://{}/", listener.local_addr().unwrap());
        http_kit::Door::new(listener).workers(2).open(&tasks, service.internal_routes()).unwrap();
        let leases = LeaseClient::new(
            Url::parse(&internal).unwrap(),
            credential.secret().clone(),
            http.clone(),
        );
        let offset_s = std::sync::atomic::AtomicI64::new(0);
        let world = Self {
            bus,
            clock,
            strava,
            leases,
            database,
            http,
            base,
            internal,
            offset_s,
            sim,
            tasks,
            folder,
        };
        let now = SystemClock::new().now().as_secs();
        world.move_clock(now.div_euclid(86_400) * 86_400 + 86_400 + 43_320 - now).await;
        world
    }

    /// Ends everything and drops the database.
    pub(crate) async fn end(self) {
        assert_eq!(self.tasks.join(Duration::from_secs(20)).await, lifecycle::Outcome::Clean);
        self.sim.stop().await;
        drop(self.database);
    }

    /// Sets both clocks to this many seconds ahead of the machine's.
    async fn move_clock(&self, offset_s: i64) {
        self.offset_s.store(offset_s, std::sync::atomic::Ordering::SeqCst);
        self.clock.set_offset(offset_s);
        self.sim("clock", json!({"offset_s": offset_s})).await;
    }

    /// Moves both clocks on.
    pub(crate) async fn later(&self, by: Duration) {
        let ahead = self.offset_s.load(std::sync::atomic::Ordering::SeqCst);
        self.move_clock(ahead + i64::try_from(by.as_secs()).unwrap()).await;
    }

    /// Something in the simulated world changes.
    pub(crate) async fn sim(&self, what: &str, how: Value) {
        let url = self.sim_url(what);
        let response = self.http.post(url).json(&how).send().await.unwrap();
        assert!(response.status().is_success(), "{what}: {}", response.text().await.unwrap());
    }

    pub(crate) fn sim_url(&self, what: &str) -> String {
        format!("{}/_sim/{what}", self.sim.url())
    }

    /// A figure the simulator counts.
    pub(crate) async fn counted(&self, what: &str) -> i64 {
        let url = self.sim_url("counters");
        let counters: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        counters.pointer(what).and_then(Value::as_i64).unwrap_or(0)
    }

    pub(crate) fn bearer(&self, athlete: AthleteId) -> String {
        signer().token(athlete, "access", self.clock.now().as_secs() + 7 * 86_400)
    }

    /// A call of the public door as this athlete.
    pub(crate) async fn call(&self, method: &str, path: &str, athlete: AthleteId) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base));
        Answer::of(request.bearer_auth(self.bearer(athlete)).send().await.unwrap()).await
    }

    /// Asks to connect as a script does, and goes through Strava's page as this Strava athlete;
    /// says where Strava sends the athlete back to.
    pub(crate) async fn consent(
        &self,
        athlete: AthleteId,
        strava_athlete: i64,
        query: &str,
    ) -> Url {
        let begun = self.call("POST", &format!("/v1/me/connections{query}"), athlete).await;
        assert_eq!(begun.status, 200, "{begun:?}");
        let page = begun.json()["authorize_url"].as_str().unwrap().to_owned();
        self.through(&page, strava_athlete).await
    }

    /// Through Strava's page.
    pub(crate) async fn through(&self, page: &str, strava_athlete: i64) -> Url {
        let page = format!("{page}&athlete={strava_athlete}");
        let back = Answer::of(self.http.get(page).send().await.unwrap()).await;
        assert_eq!(back.status, 302, "{back:?}");
        let location = back.location.unwrap();
        assert!(
            location.as_str().starts_with(&format!("{}/strava/callback?", self.base)),
            "{location}"
        );
        location
    }

    /// The way back, with nobody signed in.
    pub(crate) async fn come_back(&self, back: Url) -> Answer {
        Answer::of(self.http.get(back).send().await.unwrap()).await
    }

    /// Connects; says which generation it is.
    pub(crate) async fn connect(&self, athlete: AthleteId, strava_athlete: i64) -> Generation {
        let back = self.consent(athlete, strava_athlete, "?write=1").await;
        assert_eq!(self.come_back(back).await.ending(), "strava=success");
        self.generation(athlete).await
    }

    /// The athlete's one connection, as they see it.
    pub(crate) async fn connection(&self, athlete: AthleteId) -> Value {
        let list = self.call("GET", "/v1/me/connections", athlete).await;
        assert_eq!(list.status, 200, "{list:?}");
        list.json()["items"][0].clone()
    }

    pub(crate) async fn generation(&self, athlete: AthleteId) -> Generation {
        Generation::new(self.connection(athlete).await["generation"].as_i64().unwrap())
    }

    pub(crate) async fn lease(
        &self,
        athlete: AthleteId,
        generation: Generation,
        purpose: Purpose,
    ) -> Result<Lease, LeaseRefused> {
        let attempt = SystemIds.uuid_v7(Timestamp::from_secs(1)).to_string();
        self.leases.lease(&request(athlete, generation, purpose, &attempt)).await
    }

    /// Publishes an event.
    pub(crate) async fn publish<E: Event>(&self, topic: Topic, body: E) {
        let payload = body.into_payload();
        let key = key_of(topic, None, &payload);
        let envelope = Envelope {
            event_id: EventId::from_uuid(SystemIds.uuid_v7(Timestamp::from_secs(1))),
            occurred_at: self.clock.now(),
            athlete: None,
            origins: Vec::new(),
            cause: Cause::Live,
            replay: false,
            traceparent: String::new(),
            payload,
        };
        self.bus
            .publisher(PublisherKind::Intake)
            .publish(topic, &key, envelope.encode())
            .await
            .unwrap();
    }

    /// The webhook says that this athlete withdrew access, truly or not.
    pub(crate) async fn hint_of_withdrawal(&self, strava_athlete: i64) {
        let hint = Hint {
            application: APP.get(),
            owner: strava_athlete,
            object_type: ObjectType::Athlete.into(),
            object_id: strava_athlete,
            aspect: Aspect::Update.into(),
            updated: vec!["authorized".to_owned()],
            deauthorized: true,
            event_time_s: self.clock.now().as_secs(),
            subscription: 1,
        };
        self.publish(Topic::StravaEvents, hint).await;
    }

    /// Everything `athletes` says of connections, in order.
    pub(crate) async fn told(&self) -> Vec<(Envelope, i64, Connection)> {
        let records = self.bus.read_all(Topic::Athletes).await.unwrap();
        let envelopes = records.iter().map(|record| Envelope::decode(&record.value).unwrap());
        envelopes
            .filter_map(|envelope| match AthleteChanged::from_payload(envelope.payload.clone()) {
                Ok(AthleteChanged { revision, change: Some(Change::Connection(connection)) }) => {
                    Some((envelope, revision, connection))
                }
                _ => None,
            })
            .collect()
    }

    /// Waits until the athlete's connection is in this state for this reason.
    pub(crate) async fn until(&self, athlete: AthleteId, state: &str, reason: &str) {
        let what = format!("the connection is {state} because of {reason}");
        testkit::eventually(Duration::from_secs(10), &what, async || {
            let seen = self.connection(athlete).await;
            let right =
                seen["state"] == state && seen["reason"].as_str().unwrap_or_default() == reason;
            if right { Ok(()) } else { Err(seen) }
        })
        .await;
    }
}

pub(crate) fn request(
    athlete: AthleteId,
    generation: Generation,
    purpose: Purpose,
    attempt: &str,
) -> LeaseRequest {
    LeaseRequest {
        app: APP,
        athlete,
        generation,
        purpose,
        attempt: attempt.to_owned(),
        reads: 1,
        writes: 0,
    }
}

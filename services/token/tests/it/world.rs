//! A running service next to a simulated Strava whose clock goes with ours.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use auth::ServiceCredential;
use contracts::athletes::{AthleteChanged, Connection, athlete_changed::Change};
use contracts::strava::{Aspect, Hint, ObjectType};
use contracts::{Cause, Envelope, Event, Topic, record_key};
use event_bus::{BuiltInLogSettings, Bus, PublisherKind};
use kernel::{
    ApplicationId, AthleteId, Clock, EventId, Generation, Ids, SystemClock, SystemIds, Timestamp,
};
use lifecycle::{Failpoints, Tasks};
use serde_json::{Value, json};
use strava_client::lease::{Lease, LeaseClient, LeaseError, LeaseRequest, Purpose};
use strava_sim::{Options, Simulator};
use testkit::{TestDatabase, TokenSigner, verifier_for};
use token::{Keyring, Parts, Service, Settings};
use url::Url;

pub(crate) const GUARDIAN: i64 = strava_sim::GUARDIAN_ID;
pub(crate) const CHILD: i64 = strava_sim::CHILD_ID;
pub(crate) const APP: ApplicationId = ApplicationId::new(1);
const SECRET: &str = "between-services";

/// A service in this process, a simulated Strava, and clocks that go together.
pub(crate) struct World {
    pub(crate) bus: Bus,
    pub(crate) database: TestDatabase,
    caller: Caller,
    tasks: Tasks,
    folder: tempfile::TempDir,
}

impl Deref for World {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// Somebody who calls the service, wherever it runs, and moves the simulated Strava.
pub(crate) struct Caller {
    pub(crate) clock: Arc<SystemClock>,
    pub(crate) strava: strava_client::Client,
    pub(crate) leases: LeaseClient,
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    pub(crate) internal: String,
    pub(crate) offset_s: AtomicI64,
    pub(crate) sim: Simulator,
}

/// A service that was started here.
pub(crate) struct Running {
    pub(crate) bus: Bus,
    pub(crate) tasks: Tasks,
    pub(crate) base: String,
    pub(crate) internal: String,
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
    /// The key set that sessions are checked with.
    pub(crate) key_set: String,
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
        Self { key_set: TokenSigner::shared().jwks(), keys: KEY_A.to_owned(), settings }
    }
}

/// Starts the service on these rows and this log.
pub(crate) async fn run(
    database: outbox::Target,
    folder: &Path,
    strava: &str,
    clock: Arc<SystemClock>,
    (start, failpoints): (Start, Failpoints),
) -> Running {
    let bus = built_in(folder, clock.clone()).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let service = Service::start(Parts {
        migrate: true,
        database,
        bus: bus.clone(),
        clock: clock.clone(),
        ids: Arc::new(SystemIds),
        verifier: verifier_for(&start.key_set, clock),
        internal: ServiceCredential::new(SECRET.to_owned().into()),
        strava: strava_client::Client::new(&Url::parse(strava).unwrap(), client()).unwrap(),
        keys: Keyring::parse(&start.keys).unwrap(),
        public_url: Url::parse(&base).unwrap(),
        failpoints,
        settings: start.settings,
    })
    .await
    .unwrap();
    let tasks = Tasks::new();
    service.spawn(&tasks);
    http_kit::HttpServer::new(listener).workers(2).start(&tasks, service.routes()).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let internal = format!("http://{}/", listener.local_addr().unwrap());
    http_kit::HttpServer::new(listener)
        .workers(2)
        .start(&tasks, service.internal_routes())
        .unwrap();
    Running { bus, tasks, base, internal }
}

/// The log in this folder, with three partitions.
pub(crate) async fn built_in(folder: &Path, clock: Arc<SystemClock>) -> Bus {
    let mut log = BuiltInLogSettings::new(folder.join("bus.db"), clock);
    log.partitions = 3;
    let bus = Bus::open_built_in(log).await.unwrap();
    bus.ensure_topics(&Topic::ALL).await.unwrap();
    bus
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

impl World {
    /// Two minutes into a quarter of an hour, shortly after noon UTC.
    pub(crate) async fn new(database: TestDatabase) -> Self {
        Self::with(database, Caller::new().await, Start::default(), tempfile::tempdir().unwrap())
            .await
    }

    /// The same Strava, database and log with a service started otherwise.
    pub(crate) async fn restarted(self, start: Start) -> Self {
        let Self { database, caller, tasks, folder, bus } = self;
        assert_eq!(tasks.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Clean);
        drop(bus);
        drop(tasks);
        Self::with(database, caller, start, folder).await
    }

    async fn with(
        database: TestDatabase,
        mut caller: Caller,
        start: Start,
        folder: tempfile::TempDir,
    ) -> Self {
        let with = (start, Failpoints::none());
        let running =
            run(database.target(), folder.path(), &caller.sim.url(), caller.clock.clone(), with)
                .await;
        caller.go_to(&running.base, &running.internal);
        Self { bus: running.bus, database, caller, tasks: running.tasks, folder }
    }

    /// Ends everything and drops the database.
    pub(crate) async fn end(self) {
        assert_eq!(self.tasks.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Clean);
        self.caller.sim.stop().await;
        drop(self.database);
    }

    /// Publishes an event.
    pub(crate) async fn publish<E: Event>(&self, topic: Topic, body: E) {
        publish(&self.bus, topic, body, self.clock.now()).await;
    }

    /// The webhook says that this athlete withdrew access, truly or not.
    pub(crate) async fn hint_of_withdrawal(&self, strava_athlete: i64) {
        publish(&self.bus, Topic::StravaEvents, withdrawal(strava_athlete), self.clock.now()).await;
    }

    /// Everything `athletes` says of connections, in order.
    pub(crate) async fn told(&self) -> Vec<(Envelope, i64, Connection)> {
        told(&self.bus).await
    }
}

/// Publishes an event as ingest's intake or another service would.
pub(crate) async fn publish<E: Event>(bus: &Bus, topic: Topic, body: E, now: Timestamp) {
    let payload = body.into_payload();
    let key = record_key(topic, None, &payload);
    let envelope = Envelope {
        event_id: EventId::from_uuid(SystemIds.uuid_v7(Timestamp::from_secs(1))),
        occurred_at: now,
        athlete: None,
        origins: Vec::new(),
        cause: Cause::Live,
        replay: false,
        traceparent: String::new(),
        payload,
    };
    bus.publisher(PublisherKind::Intake).publish(topic, &key, envelope.encode()).await.unwrap();
}

/// What the webhook says of a withdrawal.
pub(crate) fn withdrawal(strava_athlete: i64) -> Hint {
    Hint {
        application: APP.get(),
        owner: strava_athlete,
        object_type: ObjectType::Athlete.into(),
        object_id: strava_athlete,
        aspect: Aspect::Update.into(),
        updated: vec!["authorized".to_owned()],
        deauthorized: true,
        event_time_s: 1,
        subscription: 1,
    }
}

/// Everything `athletes` says of connections, in order.
pub(crate) async fn told(bus: &Bus) -> Vec<(Envelope, i64, Connection)> {
    let records = bus.read_all(Topic::Athletes).await.unwrap();
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

impl Caller {
    /// A simulated Strava two minutes into a quarter of an hour, shortly after noon UTC; no service yet.
    pub(crate) async fn new() -> Self {
        let sim = Simulator::start(Options { instant: true, ..Options::default() }).await.unwrap();
        let nowhere = Url::parse("http://127.0.0.1:9/").unwrap();
        let caller = Self {
            clock: Arc::new(SystemClock::new()),
            strava: strava_client::Client::new(&Url::parse(&sim.url()).unwrap(), client()).unwrap(),
            leases: LeaseClient::new(nowhere.clone(), SECRET.to_owned().into(), client()),
            http: client(),
            base: nowhere.to_string(),
            internal: nowhere.to_string(),
            offset_s: AtomicI64::new(0),
            sim,
        };
        let now = SystemClock::new().now().as_secs();
        caller.move_clock(now.div_euclid(86_400) * 86_400 + 86_400 + 43_320 - now).await;
        caller
    }

    /// From now on calls go to the service behind these doors.
    pub(crate) fn go_to(&mut self, base: &str, internal: &str) {
        base.clone_into(&mut self.base);
        internal.clone_into(&mut self.internal);
        self.leases =
            LeaseClient::new(Url::parse(internal).unwrap(), SECRET.to_owned().into(), client());
    }

    /// Sets both clocks to this many seconds ahead of the machine's.
    async fn move_clock(&self, offset_s: i64) {
        self.offset_s.store(offset_s, Ordering::SeqCst);
        self.clock.set_offset(offset_s);
        self.sim("clock", json!({"offset_s": offset_s})).await;
    }

    /// Moves both clocks on.
    pub(crate) async fn later(&self, by: Duration) {
        let ahead = self.offset_s.load(Ordering::SeqCst);
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
        TokenSigner::shared().athlete_token(
            athlete,
            "access",
            self.clock.now().as_secs() + 7 * 86_400,
        )
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
    ) -> Result<Lease, LeaseError> {
        let attempt = SystemIds.uuid_v7(Timestamp::from_secs(1)).to_string();
        self.leases.request_lease(&request(athlete, generation, purpose, &attempt)).await
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

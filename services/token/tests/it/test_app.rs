//! A running service next to a simulated Strava with the same clock.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use auth::ServiceCredential;
use contracts::athletes::{AthleteChanged, Connection, Erase, athlete_changed::Change};
use contracts::strava::{Aspect, Hint, ObjectType};
use contracts::{Cause, Envelope, Event, Topic, record_key};
use event_bus::{BuiltInLogSettings, Bus, PublisherKind};
use kernel::{
    ApplicationId, AthleteId, Clock, EventId, Generation, Ids, SystemClock, SystemIds, Timestamp,
};
use lifecycle::{Failpoints, Tasks};
use outbox::StoreFaults;
use serde_json::{Value, json};
use service_kit::{DatabaseSettings, Runtime};
use strava_client::lease::{Lease, LeaseClient, LeaseError, LeaseRequest, Purpose};
use strava_sim::{Options, Simulator};
use testkit::{TestDatabase, TokenSigner, verifier_for};
use token::{Dependencies, KeySource, Service, Settings, StartError};
use url::Url;

pub(crate) const GUARDIAN: i64 = strava_sim::GUARDIAN_ID;
pub(crate) const CHILD: i64 = strava_sim::CHILD_ID;
pub(crate) const APP: ApplicationId = ApplicationId::new(1);
const SECRET: &str = "between-services";

/// A service in this process, a simulated Strava, and their clocks.
pub(crate) struct TestApp {
    pub(crate) bus: Bus,
    pub(crate) database: TestDatabase,
    client: TestClient,
    tasks: Tasks,
    folder: tempfile::TempDir,
}

impl Deref for TestApp {
    type Target = TestClient;

    fn deref(&self) -> &TestClient {
        &self.client
    }
}

/// Calls the service, wherever it runs, and controls the simulated Strava.
pub(crate) struct TestClient {
    pub(crate) clock: Arc<SystemClock>,
    pub(crate) strava: strava_client::Client,
    pub(crate) leases: LeaseClient,
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    pub(crate) internal: String,
    pub(crate) offset_s: AtomicI64,
    pub(crate) sim: Simulator,
}

/// A service that runs in this process.
pub(crate) struct RunningService {
    pub(crate) bus: Bus,
    pub(crate) tasks: Tasks,
    pub(crate) base: String,
    pub(crate) internal: String,
}

/// A response, read to its end.
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    pub(crate) location: Option<Url>,
    pub(crate) cookie: Option<String>,
    pub(crate) text: String,
}

impl TestResponse {
    pub(crate) async fn read(response: reqwest::Response) -> Self {
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

    /// The outcome of a connect: the query of the front end's address.
    pub(crate) fn outcome(&self) -> String {
        assert_eq!(self.status, 307, "{self:?}");
        let location = self.location.as_ref().unwrap();
        assert_eq!(location.host_str(), Some("front.example"));
        location.query().unwrap_or_default().to_owned()
    }
}

pub(crate) fn new_athlete() -> AthleteId {
    AthleteId::from_uuid(SystemIds.uuid_v7(Timestamp::from_secs(1)))
}

/// Options of a service.
pub(crate) struct StartOptions {
    /// The key set that sessions are verified with.
    pub(crate) key_set: String,
    pub(crate) keys: String,
    pub(crate) settings: Settings,
    pub(crate) failpoints: Failpoints,
    pub(crate) faults: StoreFaults,
}

pub(crate) const KEY_A: &str = "a YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=";
pub(crate) const KEY_B: &str = "b YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=";

impl Default for StartOptions {
    fn default() -> Self {
        let settings = Settings {
            client_id: Some(1),
            client_secret: Some("sim-secret".to_owned().into()),
            frontend_url: Some(Url::parse("https://front.example/").unwrap()),
            refresh_patience_s: 1,
            inactive_retry_s: 60,
            ..Settings::default()
        };
        Self {
            key_set: TokenSigner::shared().jwks(),
            keys: KEY_A.to_owned(),
            settings,
            failpoints: Failpoints::none(),
            faults: StoreFaults::default(),
        }
    }
}

/// Starts the service on this database and the log in this folder.
pub(crate) async fn start_service(
    database: outbox::Target,
    folder: &Path,
    strava: &str,
    clock: Arc<SystemClock>,
    options: StartOptions,
) -> RunningService {
    // Boxed, or the compiler would lay the start out inside every test.
    Box::pin(try_start_service(database, folder, strava, clock, options)).await.unwrap()
}

/// As [`start_service`]; without keys among the options there is no key file.
async fn try_start_service(
    database: outbox::Target,
    folder: &Path,
    strava: &str,
    clock: Arc<SystemClock>,
    options: StartOptions,
) -> Result<RunningService, StartError> {
    let key_file = folder.join("token.keys");
    match options.keys.as_str() {
        "" => drop(std::fs::remove_file(&key_file)),
        keys => std::fs::write(&key_file, keys).unwrap(),
    }
    let bus = open_bus(folder, clock.clone()).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let tasks = Tasks::new();
    let runtime =
        Runtime { clock: clock.clone(), ids: Arc::new(SystemIds), failpoints: options.failpoints };
    let service = Service::start(Dependencies {
        objects: std::sync::Arc::new(object_store::memory::InMemory::new()),
        database: DatabaseSettings { target: database, migrate: true, faults: options.faults },
        runtime: runtime.clone(),
        verifier: verifier_for(&options.key_set, clock),
        internal: ServiceCredential::new(SECRET.to_owned().into()),
        strava: strava_client::Client::new(&Url::parse(strava).unwrap(), client()).unwrap(),
        keys: KeySource::File(key_file),
        public_url: Url::parse(&base).unwrap(),
        tasks: tasks.clone(),
        settings: options.settings,
    })
    .await?;
    service_kit::spawn(&service, &bus, &runtime, &tasks);
    http_kit::HttpServer::new(listener)
        .workers(2)
        .start(&tasks, service_kit::public_routes(&service))
        .unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let internal = format!("http://{}/", listener.local_addr().unwrap());
    http_kit::HttpServer::new(listener)
        .workers(2)
        .start(&tasks, service_kit::internal_routes(&service))
        .unwrap();
    Ok(RunningService { bus, tasks, base, internal })
}

/// Opens the log in this folder, with three partitions.
pub(crate) async fn open_bus(folder: &Path, clock: Arc<SystemClock>) -> Bus {
    let mut log = BuiltInLogSettings::new(folder.join("bus.db"), clock);
    log.partitions = 3;
    let bus = Bus::open_built_in(log).await.unwrap();
    bus.ensure_topics(&Topic::ALL).await.unwrap();
    bus
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

impl TestApp {
    /// A service two minutes into a quarter of an hour, shortly after noon UTC.
    pub(crate) async fn new(database: TestDatabase) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start(database, TestClient::new().await, StartOptions::default(), folder).await
    }

    /// Stops the service and starts it with these options on the same Strava, database and log.
    pub(crate) async fn restart(self, options: StartOptions) -> Self {
        let Self { database, client, tasks, folder, bus } = self;
        assert_eq!(tasks.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Clean);
        drop(bus);
        drop(tasks);
        Self::start(database, client, options, folder).await
    }

    /// Stops the service and tries to start it with these options. Returns the error, and the service started as it was
    /// before.
    pub(crate) async fn refused(self, options: StartOptions) -> (StartError, Self) {
        let Self { database, client, tasks, folder, bus } = self;
        assert_eq!(tasks.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Clean);
        drop(bus);
        let (strava, clock) = (client.sim.url(), client.clock.clone());
        let before = database.dump().await;
        let is_missing = options.keys.is_empty();
        let target = database.target();
        let tried =
            Box::pin(try_start_service(target, folder.path(), &strava, clock, options)).await;
        let Err(error) = tried else { panic!("it started") };
        assert_eq!(folder.path().join("token.keys").exists(), !is_missing, "no key is made");
        let without_health = |dump: String| {
            let lines = dump.lines().filter(|line| !line.contains("health_check"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let after = database.dump().await;
        assert_eq!(without_health(after), without_health(before), "nothing is touched");
        (error, Self::start(database, client, StartOptions::default(), folder).await)
    }

    async fn start(
        database: TestDatabase,
        mut client: TestClient,
        options: StartOptions,
        folder: tempfile::TempDir,
    ) -> Self {
        let (strava, clock) = (client.sim.url(), client.clock.clone());
        let running =
            start_service(database.target(), folder.path(), &strava, clock, options).await;
        client.set_addresses(&running.base, &running.internal);
        Self { bus: running.bus, database, client, tasks: running.tasks, folder }
    }

    /// Stops everything and drops the database.
    pub(crate) async fn shut_down(self) {
        assert_eq!(self.tasks.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Clean);
        self.client.sim.stop().await;
        drop(self.database);
    }

    /// Publishes an event.
    pub(crate) async fn publish_event<E: Event>(&self, topic: Topic, body: E) {
        publish_event(&self.bus, topic, body, self.clock.now()).await;
    }

    /// Publishes a hint of the webhook that this athlete withdrew access, true or not.
    pub(crate) async fn publish_withdrawal_hint(&self, strava_athlete: i64) {
        publish_event(
            &self.bus,
            Topic::StravaEvents,
            withdrawal_hint(strava_athlete),
            self.clock.now(),
        )
        .await;
    }

    /// Publishes an event of this athlete as another service would.
    pub(crate) async fn publish_as<E: Event>(&self, topic: Topic, athlete: AthleteId, body: E) {
        publish_event_of(&self.bus, topic, Some(athlete), body, self.clock.now()).await;
    }

    /// The connections published on `athletes`, in order.
    pub(crate) async fn published_connections(&self) -> Vec<(Envelope, i64, Connection)> {
        published_connections(&self.bus).await
    }
}

/// Publishes an event as ingest's intake or another service would.
pub(crate) async fn publish_event<E: Event>(bus: &Bus, topic: Topic, body: E, now: Timestamp) {
    publish_event_of(bus, topic, None, body, now).await;
}

/// Publishes an event of an athlete as another service would.
async fn publish_event_of<E: Event>(
    bus: &Bus,
    topic: Topic,
    athlete: Option<AthleteId>,
    body: E,
    now: Timestamp,
) {
    let payload = body.into_payload();
    let key = record_key(topic, athlete, &payload);
    let envelope = Envelope {
        event_id: EventId::from_uuid(SystemIds.uuid_v7(Timestamp::from_secs(1))),
        occurred_at: now,
        athlete,
        origins: Vec::new(),
        cause: Cause::Live,
        replay: false,
        traceparent: String::new(),
        payload,
    };
    bus.publisher(PublisherKind::Intake).publish(topic, &key, envelope.encode()).await.unwrap();
}

/// The hint of the webhook that an athlete withdrew access.
pub(crate) fn withdrawal_hint(strava_athlete: i64) -> Hint {
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

/// The connections published on `athletes`, in order.
pub(crate) async fn published_connections(bus: &Bus) -> Vec<(Envelope, i64, Connection)> {
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

/// The erases published on `athletes`, with the envelope's athlete and replay flag, in order.
pub(crate) async fn published_erases(bus: &Bus) -> Vec<(Envelope, Erase)> {
    let records = bus.read_all(Topic::Athletes).await.unwrap();
    let envelopes = records.iter().map(|record| Envelope::decode(&record.value).unwrap());
    envelopes
        .filter_map(|envelope| match AthleteChanged::from_payload(envelope.payload.clone()) {
            Ok(AthleteChanged { change: Some(Change::Erase(erase)), .. }) => {
                Some((envelope, erase))
            }
            _ => None,
        })
        .collect()
}

impl TestClient {
    /// A simulated Strava two minutes into a quarter of an hour, shortly after noon UTC; no service yet.
    pub(crate) async fn new() -> Self {
        let sim = Simulator::start(Options { instant: true, ..Options::default() }).await.unwrap();
        let nowhere = Url::parse("http://127.0.0.1:9/").unwrap();
        let client = Self {
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
        client.set_clocks(now.div_euclid(86_400) * 86_400 + 86_400 + 43_320 - now).await;
        client
    }

    /// Directs all further calls to the service at these addresses.
    pub(crate) fn set_addresses(&mut self, base: &str, internal: &str) {
        base.clone_into(&mut self.base);
        internal.clone_into(&mut self.internal);
        self.leases =
            LeaseClient::new(Url::parse(internal).unwrap(), SECRET.to_owned().into(), client());
    }

    /// Sets both clocks to this many seconds ahead of the machine's.
    async fn set_clocks(&self, offset_s: i64) {
        self.offset_s.store(offset_s, Ordering::SeqCst);
        self.clock.set_offset(offset_s);
        self.control_sim("clock", json!({"offset_s": offset_s})).await;
    }

    /// Advances both clocks.
    pub(crate) async fn advance_clocks(&self, by: Duration) {
        let ahead = self.offset_s.load(Ordering::SeqCst);
        self.set_clocks(ahead + i64::try_from(by.as_secs()).unwrap()).await;
    }

    /// Something in the simulated app changes.
    pub(crate) async fn control_sim(&self, control: &str, body: Value) {
        let url = self.sim_url(control);
        let response = self.http.post(url).json(&body).send().await.unwrap();
        assert!(response.status().is_success(), "{control}: {}", response.text().await.unwrap());
    }

    pub(crate) fn sim_url(&self, what: &str) -> String {
        format!("{}/_sim/{what}", self.sim.url())
    }

    /// A counter of the simulator, by its JSON pointer.
    pub(crate) async fn sim_counter(&self, pointer: &str) -> i64 {
        let url = self.sim_url("counters");
        let counters: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        counters.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
    }

    pub(crate) fn bearer(&self, athlete: AthleteId) -> String {
        TokenSigner::shared().athlete_token(
            athlete,
            "access",
            self.clock.now().as_secs() + 7 * 86_400,
        )
    }

    /// Calls a public route as this athlete.
    pub(crate) async fn call_as(
        &self,
        method: &str,
        path: &str,
        athlete: AthleteId,
    ) -> TestResponse {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base));
        TestResponse::read(request.bearer_auth(self.bearer(athlete)).send().await.unwrap()).await
    }

    /// Asks to connect as a script does, and consents on Strava's page as this Strava athlete;
    /// returns the address that Strava sends the athlete back to.
    pub(crate) async fn give_consent(
        &self,
        athlete: AthleteId,
        strava_athlete: i64,
        query: &str,
    ) -> Url {
        let begun = self.call_as("POST", &format!("/v1/me/connections{query}"), athlete).await;
        assert_eq!(begun.status, 200, "{begun:?}");
        let page = begun.json()["authorize_url"].as_str().unwrap().to_owned();
        self.pass_consent_page(&page, strava_athlete).await
    }

    /// Consents on Strava's page; returns the address that Strava sends the athlete back to.
    pub(crate) async fn pass_consent_page(&self, page: &str, strava_athlete: i64) -> Url {
        let page = format!("{page}&athlete={strava_athlete}");
        let back = TestResponse::read(self.http.get(page).send().await.unwrap()).await;
        assert_eq!(back.status, 302, "{back:?}");
        let location = back.location.unwrap();
        assert!(
            location.as_str().starts_with(&format!("{}/strava/callback?", self.base)),
            "{location}"
        );
        location
    }

    /// Follows the way back, with nobody signed in.
    pub(crate) async fn follow_redirect(&self, back: Url) -> TestResponse {
        TestResponse::read(self.http.get(back).send().await.unwrap()).await
    }

    /// Connects; returns the generation.
    pub(crate) async fn connect(&self, athlete: AthleteId, strava_athlete: i64) -> Generation {
        let back = self.give_consent(athlete, strava_athlete, "?write=1").await;
        assert_eq!(self.follow_redirect(back).await.outcome(), "strava=success");
        self.fetch_generation(athlete).await
    }

    /// The athlete's one connection, as they see it.
    pub(crate) async fn fetch_connection(&self, athlete: AthleteId) -> Value {
        let list = self.call_as("GET", "/v1/me/connections", athlete).await;
        assert_eq!(list.status, 200, "{list:?}");
        list.json()["items"][0].clone()
    }

    pub(crate) async fn fetch_generation(&self, athlete: AthleteId) -> Generation {
        Generation::new(self.fetch_connection(athlete).await["generation"].as_i64().unwrap())
    }

    pub(crate) async fn request_lease(
        &self,
        athlete: AthleteId,
        generation: Generation,
        purpose: Purpose,
    ) -> Result<Lease, LeaseError> {
        let attempt = SystemIds.uuid_v7(Timestamp::from_secs(1)).to_string();
        self.leases.request_lease(&lease_request(athlete, generation, purpose, &attempt)).await
    }

    /// Waits until the athlete's connection is in this state for this reason.
    pub(crate) async fn wait_for_state(&self, athlete: AthleteId, state: &str, reason: &str) {
        let what = format!("the connection is {state} because of {reason}");
        testkit::eventually(Duration::from_secs(10), &what, async || {
            let seen = self.fetch_connection(athlete).await;
            let right =
                seen["state"] == state && seen["reason"].as_str().unwrap_or_default() == reason;
            if right { Ok(()) } else { Err(seen) }
        })
        .await;
    }
}

pub(crate) fn lease_request(
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

//! A running service with a log, a database, an object store, a simulated Strava and fake leases.

mod fake_leases;
mod fake_strava;
mod links;
mod run;

use std::sync::Arc;
use std::time::Duration;

use contracts::athletes::{AthleteChanged, Connection, ConnectionState, athlete_changed::Change};
use contracts::streams_codec::StreamSet;
use contracts::{Cause, Envelope, Event, Topic};
use duplication::{Dependencies, Service, Settings};
use event_bus::{BuiltInLogSettings, Bus, OutgoingRecord, PublisherKind};
use kernel::{ActivityId, AthleteId, Clock, EventId, Ids, SystemClock, SystemIds, Timestamp};
use lifecycle::{Failpoints, Tasks};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use outbox::StoreFaults;
use secrecy::SecretString;
use serde_json::Value;
use service_kit::{DatabaseSettings, Runtime, Service as _};
use strava_client::lease::LeaseClient;
use testkit::{TestDatabase, TokenSigner, eventually};

pub(crate) use fake_leases::FakeLeases;
use fake_strava::FakeStrava;
pub(crate) use links::{child_invitation, redemption};
pub(crate) use run::Run;

/// Timeout of every wait.
const WAIT_TIMEOUT: Duration = Duration::from_secs(20);
/// Scopes granted by the child, unless a test says otherwise.
pub(crate) const GRANTED: [&str; 3] = ["read_all", "activity:read_all", "activity:write"];

pub(crate) struct TestApp {
    pub(crate) guardian: AthleteId,
    pub(crate) child: AthleteId,
    pub(crate) strava: FakeStrava,
    pub(crate) leases: Arc<FakeLeases>,
    pub(crate) bus: Bus,
    pub(crate) clock: Arc<SystemClock>,
    service: Service,
    objects: Arc<dyn ObjectStore>,
    base: String,
    http: reqwest::Client,
    tasks: Tasks,
    database: TestDatabase,
    _log: tempfile::TempDir,
}

impl TestApp {
    /// Starts with no link; the child is connected, with everything granted.
    pub(crate) async fn start() -> Self {
        Self::start_on(TestDatabase::sqlite()).await
    }

    pub(crate) async fn start_on(database: TestDatabase) -> Self {
        Self::start_with(database, quick_settings()).await
    }

    pub(crate) async fn start_with(database: TestDatabase, settings: Settings) -> Self {
        Self::start_faulty(database, settings, StoreFaults::default()).await
    }

    pub(crate) async fn start_faulty(
        database: TestDatabase,
        settings: Settings,
        faults: StoreFaults,
    ) -> Self {
        let app = Self::start_unconnected(database, settings, faults).await;
        let token = app.strava.child_token().await;
        app.leases.set_token(app.child, &token);
        app.publish_connection(app.child, 1, &GRANTED).await;
        // A group has nothing unhandled before it reads, so only the row shows that it does.
        eventually(WAIT_TIMEOUT, "the service consumes", async || {
            match app.database.query_i64("SELECT COUNT(*) FROM connection").await {
                1 => Ok(()),
                other => Err(other),
            }
        })
        .await;
        app
    }

    async fn start_unconnected(
        database: TestDatabase,
        settings: Settings,
        faults: StoreFaults,
    ) -> Self {
        let clock = Arc::new(SystemClock::new());
        let log = tempfile::tempdir().unwrap();
        let mut log_settings = BuiltInLogSettings::new(log.path().join("bus.db"), clock.clone());
        log_settings.partitions = 3;
        let bus = Bus::open_built_in(log_settings).await.unwrap();
        bus.ensure_topics(&Topic::ALL).await.unwrap();
        let (strava, leases, tasks) =
            (FakeStrava::start().await, Arc::new(FakeLeases::default()), Tasks::new());
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let http = telemetry::http_client(Duration::from_secs(10)).unwrap();
        let token = format!("http://{}/", leases.serve(&tasks)).parse().unwrap();
        let runtime = Runtime {
            clock: clock.clone(),
            ids: Arc::new(SystemIds),
            failpoints: Failpoints::none(),
        };
        let service = Service::start(Dependencies {
            database: DatabaseSettings { target: database.target(), migrate: true, faults },
            runtime: runtime.clone(),
            bus: bus.clone(),
            verifier: TokenSigner::shared().verifier(clock.clone()),
            settings,
            objects: objects.clone(),
            strava: strava_client::Client::new(&strava.url().parse().unwrap(), http.clone())
                .unwrap(),
            leases: LeaseClient::new(token, SecretString::from("service"), http.clone()),
        })
        .await
        .unwrap();
        service_kit::spawn(&service, &bus, &runtime, &tasks);
        let base =
            format!("http://{}", fake_leases::serve(&tasks, service_kit::public_routes(&service)));
        let (guardian, child) = (new_athlete(), new_athlete());
        Self {
            guardian,
            child,
            strava,
            leases,
            bus,
            clock,
            service,
            objects,
            base,
            http,
            tasks,
            database,
            _log: log,
        }
    }

    pub(crate) async fn stop(self) {
        assert_eq!(self.tasks.join(WAIT_TIMEOUT).await, lifecycle::JoinOutcome::Clean);
        drop(self.database);
    }

    /// Advances the clock and wakes the workers.
    pub(crate) fn advance_clock(&self, seconds: i64) {
        let ahead = self.now().since(SystemClock::new().now());
        self.clock.set_offset(i64::try_from(ahead.as_secs()).unwrap() + seconds);
        self.service.database().jobs_signal().notify();
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns a run of the guardian an hour ago, whose streams are stored.
    pub(crate) async fn new_run(&self, name: &str) -> Run {
        let activity = ActivityId::from_uuid(SystemIds.uuid_v7(self.now()));
        let key = format!("athletes/{}/strava/1/1/{activity}/1", self.guardian);
        let streams = run::running_streams();
        self.store_streams(&key, &streams).await;
        Run {
            athlete: self.guardian,
            activity,
            revision: 1,
            name: name.to_owned(),
            start: Timestamp::from_secs(self.now().as_secs() - 3600),
            external_id: "garmin_ping_1".to_owned(),
            strava_activity: 77,
            cause: Cause::Live,
            replay: false,
            generation: 1,
            removed: false,
            expired: false,
            manual: false,
            visibility: "everyone",
            streams: Some(contracts::activities::StreamsRef {
                key,
                bytes: 1,
                points: streams.points() as i64,
                kinds: streams.kinds().into_iter().map(str::to_owned).collect(),
            }),
        }
    }

    pub(crate) async fn store_streams(&self, key: &str, streams: &StreamSet) {
        let packed = zstd::encode_all(&streams.encode().unwrap()[..], 1).unwrap();
        self.objects.put(&Path::from(key), packed.into()).await.unwrap();
    }

    pub(crate) async fn delete_object(&self, key: &str) {
        self.objects.delete(&Path::from(key)).await.unwrap();
    }

    /// Publishes activities and waits until they are handled.
    pub(crate) async fn publish_activities(&self, runs: &[&Run]) {
        self.publish(Topic::Activities, runs.iter().map(|run| run.to_envelope()).collect()).await;
        self.wait_until_handled().await;
    }

    /// Publishes a connection of the athlete; the generation is its revision too.
    pub(crate) async fn publish_connection(
        &self,
        athlete: AthleteId,
        generation: i64,
        scopes: &[&str],
    ) {
        let connection = Connection {
            application: 1,
            strava_athlete: 7,
            generation,
            state: ConnectionState::Connected.into(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            connected_at_us: 0,
            reason: String::new(),
        };
        self.publish_athlete_change(athlete, generation, Change::Connection(connection)).await;
    }

    pub(crate) async fn publish_athlete_change(
        &self,
        athlete: AthleteId,
        revision: i64,
        change: Change,
    ) {
        let body = AthleteChanged { revision, change: Some(change) };
        self.publish_of(Topic::Athletes, athlete, body).await;
    }

    /// Publishes an event of this athlete as another service would, and waits until it is handled.
    pub(crate) async fn publish_of<E: Event>(&self, topic: Topic, athlete: AthleteId, body: E) {
        let envelope = Envelope {
            event_id: EventId::from_uuid(SystemIds.uuid_v7(self.now())),
            occurred_at: self.now(),
            athlete: Some(athlete),
            origins: Vec::new(),
            cause: Cause::Unspecified,
            replay: false,
            traceparent: String::new(),
            payload: body.into_payload(),
        };
        self.publish(topic, vec![envelope]).await;
        self.wait_until_handled().await;
    }

    pub(crate) async fn publish(&self, topic: Topic, envelopes: Vec<Envelope>) {
        let records = envelopes.into_iter().map(|envelope| OutgoingRecord {
            topic,
            key: envelope.athlete.unwrap().to_string(),
            value: envelope.encode(),
            to_every_partition: false,
        });
        for outcome in
            self.bus.publisher(PublisherKind::Relay).publish_many(records.collect()).await
        {
            outcome.unwrap();
        }
    }

    /// Waits until everything published is handled.
    pub(crate) async fn wait_until_handled(&self) {
        eventually(WAIT_TIMEOUT, "everything is handled", async || {
            match self.bus.total_lag().await.unwrap() {
                0 => Ok(()),
                left => Err(left),
            }
        })
        .await;
    }

    /// Waits until the only copy is in this state.
    pub(crate) async fn wait_for_state(&self, state: &str) -> Value {
        eventually(WAIT_TIMEOUT, &format!("a copy is {state}"), async || {
            match &self.copies().await[..] {
                [copy] if copy["state"] == state => Ok(copy.clone()),
                other => Err(other.to_vec()),
            }
        })
        .await
    }

    /// Waits until the only copy has this reason.
    pub(crate) async fn wait_for_reason(&self, reason: &str) -> Value {
        eventually(WAIT_TIMEOUT, &format!("a copy says {reason}"), async || {
            match &self.copies().await[..] {
                [copy] if copy["reason"] == reason => Ok(copy.clone()),
                other => Err(other.to_vec()),
            }
        })
        .await
    }

    /// Returns the guardian's copies as the API shows them.
    pub(crate) async fn copies(&self) -> Vec<Value> {
        let response = self.call("GET", "/v1/copies", self.guardian, None).await;
        response.json()["items"].as_array().unwrap().clone()
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        athlete: AthleteId,
        body: Option<Value>,
    ) -> TestResponse {
        let token =
            TokenSigner::shared().athlete_token(athlete, "access", self.now().as_secs() + 36_000);
        let request = self
            .http
            .request(method.parse().unwrap(), format!("{}{path}", self.base))
            .bearer_auth(token);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let response = request.send().await.unwrap();
        TestResponse {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    /// Executes statements past the service.
    pub(crate) async fn execute(&self, statements: &str) {
        self.database.execute(statements).await;
    }

    pub(crate) async fn query_number(&self, select: &str) -> i64 {
        self.database.query_i64(select).await
    }

    /// Returns every row of every table as text.
    pub(crate) async fn dump(&self) -> String {
        self.database.dump().await
    }

    /// Returns what was published on a topic.
    pub(crate) async fn published(&self, topic: Topic) -> Vec<Envelope> {
        let records = self.bus.read_all(topic).await.unwrap();
        records.iter().map(|record| Envelope::decode(&record.value).unwrap()).collect()
    }
}

/// A response, read to its end.
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

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

pub(crate) fn new_athlete() -> AthleteId {
    AthleteId::from_uuid(SystemIds.uuid_v7(Timestamp::from_secs(1)))
}

/// The patience of a test.
pub(crate) fn quick_settings() -> Settings {
    Settings { first_poll_ms: 0, look_after_s: 0, look_again_s: 1, ..Settings::default() }
}

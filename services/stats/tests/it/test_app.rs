//! A running service with a log, a database, a clock that stands still, and a signer of tokens.

mod activity;

use std::sync::Arc;
use std::time::Duration;

use contracts::{Cause, Envelope, Event, Origin, Topic};
use event_bus::{BuiltInLogSettings, Bus, OutgoingRecord, Publisher, PublisherKind};
use kernel::{
    ActivityId, ApplicationId, AthleteId, EventId, Generation, Ids, ManualClock, SystemIds,
    Timestamp,
};
use lifecycle::{Failpoints, Tasks};
use serde_json::Value;
use service_kit::{DatabaseSettings, Runtime, Service as _};
use stats::{Dependencies, Service, Settings, StartError};
use testkit::{TestDatabase, TokenSigner};

pub(crate) use activity::Activity;

/// The application every activity of these tests comes from.
pub(crate) const APPLICATION: i64 = 7;

pub(crate) struct TestApp {
    pub(crate) service: Service,
    pub(crate) bus: Bus,
    pub(crate) clock: Arc<ManualClock>,
    publisher: Publisher,
    base: String,
    http: reqwest::Client,
    tasks: Tasks,
    environment: Environment,
}

/// The parts that outlive the service.
struct Environment {
    database: TestDatabase,
    bus: Bus,
    clock: Arc<ManualClock>,
    published_athlete: Option<AthleteId>,
    faults: outbox::StoreFaults,
    _log: tempfile::TempDir,
}

impl Environment {
    async fn start(self) -> TestApp {
        let (bus, clock) = (self.bus.clone(), Arc::clone(&self.clock));
        let runtime = Runtime {
            clock: clock.clone(),
            ids: Arc::new(SystemIds),
            failpoints: Failpoints::none(),
        };
        let mut started = self.try_start(&runtime).await;
        // A start that met an injected fault is repeated, as its supervisor would.
        while started.is_err() && self.faults.names().iter().any(|names| !names.is_empty()) {
            started = self.try_start(&runtime).await;
        }
        let service = started.unwrap();
        let tasks = Tasks::new();
        service_kit::spawn(&service, &bus, &runtime, &tasks);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let serving = http_kit::HttpServer::new(listener)
            .workers(1)
            .start(&tasks, service_kit::public_routes(&service))
            .unwrap();
        let base = format!("http://{}", serving.address());
        let http = telemetry::http_client(Duration::from_secs(10)).unwrap();
        let publisher = bus.publisher(PublisherKind::Relay);
        let app = TestApp { service, bus, clock, publisher, base, http, tasks, environment: self };
        app.wait_for_consumers().await;
        app
    }
    async fn try_start(&self, runtime: &Runtime) -> Result<Service, StartError> {
        Service::start(Dependencies {
            objects: std::sync::Arc::new(object_store::memory::InMemory::new()),
            database: DatabaseSettings {
                target: self.database.target(),
                migrate: true,
                faults: self.faults.clone(),
            },
            runtime: runtime.clone(),
            bus: self.bus.clone(),
            verifier: TokenSigner::shared().verifier(self.clock.clone()),
            settings: Settings { published_athlete: self.published_athlete, watch_s: 1 },
        })
        .await
    }
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

pub(crate) fn instant(text: &str) -> Timestamp {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().to_utc().into()
}

pub(crate) fn new_athlete() -> AthleteId {
    AthleteId::from_uuid(SystemIds.uuid_v7(Timestamp::from_secs(1)))
}

pub(crate) fn new_activity() -> ActivityId {
    ActivityId::from_uuid(SystemIds.uuid_v7(Timestamp::from_secs(1)))
}

pub(crate) fn origin(generation: i64) -> Origin {
    Origin { application: ApplicationId::new(APPLICATION), generation: Generation::new(generation) }
}

/// A message, ready for the log.
pub(crate) fn envelope<E: Event>(
    athlete: Option<AthleteId>,
    origins: Vec<Origin>,
    body: E,
) -> Envelope {
    Envelope {
        event_id: EventId::from_uuid(SystemIds.uuid_v7(Timestamp::from_secs(1))),
        occurred_at: Timestamp::from_secs(1),
        athlete,
        origins,
        cause: Cause::Live,
        replay: false,
        traceparent: String::new(),
        payload: body.into_payload(),
    }
}

impl TestApp {
    /// It is 2026-11-21, noon UTC, and nobody is published.
    pub(crate) async fn new(database: TestDatabase) -> Self {
        Self::publishing(database, None).await
    }

    pub(crate) async fn publishing(
        database: TestDatabase,
        published_athlete: Option<AthleteId>,
    ) -> Self {
        Self::start(database, published_athlete, outbox::StoreFaults::default()).await
    }

    pub(crate) async fn with_faults(database: TestDatabase, faults: outbox::StoreFaults) -> Self {
        Self::start(database, None, faults).await
    }

    async fn start(
        database: TestDatabase,
        published_athlete: Option<AthleteId>,
        faults: outbox::StoreFaults,
    ) -> Self {
        let clock = Arc::new(ManualClock::at(instant("2026-11-21T12:00:00Z")));
        let log = tempfile::tempdir().unwrap();
        let mut settings = BuiltInLogSettings::new(log.path().join("bus.db"), clock.clone());
        settings.partitions = 3;
        let bus = Bus::open_built_in(settings).await.unwrap();
        bus.ensure_topics(&Topic::ALL).await.unwrap();
        Environment { database, bus, clock, published_athlete, faults, _log: log }.start().await
    }

    /// The service stops, somebody does this to its database, and it starts again.
    pub(crate) async fn restart(self, meanwhile: &str) -> Self {
        assert_eq!(self.tasks.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Clean);
        self.environment.database.execute(meanwhile).await;
        self.environment.start().await
    }

    /// Drops the database under the running service, and ends its connections.
    pub(crate) async fn drop_database(&self) {
        self.environment.database.drop_and_disconnect().await;
    }

    /// Waits until the service has stopped by itself with an error, and starts it again.
    pub(crate) async fn restart_after_failure(self) -> Self {
        let soft = self.tasks.soft();
        self.eventually("the service stops by itself", async || soft.is_stopped()).await;
        assert_eq!(self.tasks.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Failed);
        self.environment.start().await
    }

    /// Ends everything and drops the database.
    pub(crate) async fn stop(self) {
        assert_eq!(self.tasks.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Clean);
        drop(self.environment);
    }

    /// A group counts what is unhandled only once it has begun to read.
    async fn wait_for_consumers(&self) {
        let canary = new_athlete();
        self.publish(Topic::Activities, Activity::new(canary).revision(1).removed()).await;
        self.publish(Topic::ActivitiesBulk, Activity::new(canary).revision(2).removed()).await;
        self.eventually("both groups read", async || self.version(canary).await == 2).await;
        self.wait_until_handled().await;
    }

    pub(crate) async fn publish(&self, topic: Topic, event: impl Into<Envelope>) {
        self.publish_all(topic, vec![event.into()]).await;
    }

    pub(crate) async fn publish_all(&self, topic: Topic, events: Vec<Envelope>) {
        let records = events
            .into_iter()
            .map(|event| OutgoingRecord {
                topic,
                key: event.athlete.map(|athlete| athlete.to_string()).unwrap_or_default(),
                value: event.encode(),
                to_every_partition: false,
            })
            .collect();
        for outcome in self.publisher.publish_many(records).await {
            outcome.unwrap();
        }
    }

    pub(crate) async fn publish_everywhere(&self, topic: Topic, event: Envelope) {
        self.publisher.publish_to_every_partition(topic, event.encode()).await.unwrap();
    }

    /// Publishes live and waits until it is handled.
    pub(crate) async fn publish_live(&self, event: impl Into<Envelope>) {
        self.publish(Topic::Activities, event).await;
        self.wait_until_handled().await;
    }

    /// Waits until everything published is handled.
    pub(crate) async fn wait_until_handled(&self) {
        self.eventually("everything is handled", async || self.bus.total_lag().await.unwrap() == 0)
            .await;
    }

    pub(crate) async fn eventually(&self, what: &str, holds: impl AsyncFn() -> bool) {
        for _ in 0..2_000 {
            if holds().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not within 20 s: {what}");
    }

    pub(crate) async fn version(&self, athlete: AthleteId) -> i64 {
        let database = self.service.database();
        database.version_of(database.readers(), athlete).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        outbox::sql::execute(self.service.database().writer(), sql, []).await.unwrap();
    }

    /// Number of rows of a table; 0 if there is no such table.
    pub(crate) async fn rows(&self, table: &str) -> i64 {
        let database = self.service.database();
        match outbox::sql::one(
            database.readers(),
            &format!("SELECT COUNT(*) AS n FROM {table}"),
            [],
        )
        .await
        {
            Ok(row) => row.unwrap().try_get("", "n").unwrap(),
            Err(_) => 0,
        }
    }

    pub(crate) fn file(&self) -> Option<std::path::PathBuf> {
        match self.environment.database.target() {
            outbox::Target::Sqlite { file } => Some(file),
            outbox::Target::MySql { .. } => None,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(self.http.get(format!("{}{path}", self.base))).await
    }

    pub(crate) async fn request(&self, method: reqwest::Method, path: &str) -> Response {
        self.send(self.http.request(method, format!("{}{path}", self.base))).await
    }

    /// Asks for a summary as this athlete.
    pub(crate) async fn get_summary(&self, athlete: AthleteId, query: &str) -> Response {
        self.get_summary_if_changed(athlete, query, "").await
    }

    pub(crate) async fn get_summary_if_changed(
        &self,
        athlete: AthleteId,
        query: &str,
        etag: &str,
    ) -> Response {
        let mut request = self
            .http
            .get(format!("{}/v1/me/stats/summary{query}", self.base))
            .bearer_auth(TokenSigner::shared().athlete_token(athlete, "access", self.in_an_hour()));
        if !etag.is_empty() {
            request = request.header("if-none-match", etag);
        }
        self.send(request).await
    }

    /// Asks for a summary with this token.
    pub(crate) async fn get_summary_with_token(&self, token: &str) -> Response {
        self.send(self.http.get(format!("{}/v1/me/stats/summary", self.base)).bearer_auth(token))
            .await
    }

    pub(crate) fn token(&self, athlete: AthleteId, token_use: &str) -> String {
        TokenSigner::shared().athlete_token(athlete, token_use, self.in_an_hour())
    }

    fn in_an_hour(&self) -> i64 {
        kernel::Clock::now(&*self.clock).as_secs() + 3600
    }

    /// The total of all time.
    pub(crate) async fn total(&self, athlete: AthleteId) -> Value {
        let answer = self.get_summary(athlete, "?from=1990-01-01&to=2080-01-01&group=year").await;
        answer.json()["total"].clone()
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Response {
        let answer = request.send().await.unwrap();
        Response {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            text: answer.text().await.unwrap(),
        }
    }
}

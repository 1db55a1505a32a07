//! The service behind an HTTP server, on a database of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use auth::{KeySource, Permission, Verifier, VerifierSettings};
use identity::{AddUser, Dependencies, Service, Settings, SigningKeys};
use kernel::{AthleteId, Clock, ManualClock, Timestamp};
use lifecycle::{Failpoints, Tasks};
use outbox::{StoreFaults, Target};
use serde_json::{Value, json};
use service_kit::{DatabaseSettings, Runtime};
use tempfile::TempDir;
use testkit::{SeededIds, TestDatabase};

pub(crate) const ISSUER: &str = "https://paceline.local";
pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct TestApp {
    pub(crate) service: Service,
    pub(crate) runtime: Runtime,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) tasks: Tasks,
    base: String,
    http: reqwest::Client,
    _folder: TempDir,
}

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) cookie: String,
    pub(crate) retry_after: bool,
    pub(crate) body: Value,
}

impl Response {
    pub(crate) fn code(&self) -> &str {
        self.body["type"].as_str().unwrap().rsplit('/').next().unwrap()
    }

    pub(crate) fn token(&self) -> &str {
        self.body["access_token"].as_str().unwrap()
    }
}

impl TestApp {
    pub(crate) async fn new(database: &TestDatabase) -> Self {
        Self::with_target(database.target(), false).await
    }

    pub(crate) async fn with_faults(database: &TestDatabase, faults: StoreFaults) -> Self {
        // Every attempt that fails for the database's sake counts as well.
        Self::start(database.target(), false, faults, Settings::default()).await
    }

    pub(crate) async fn with_target(database: Target, secure: bool) -> Self {
        let settings = Settings { attempts: 6, ..Settings::default() };
        Self::start(database, secure, StoreFaults::default(), settings).await
    }

    async fn start(database: Target, secure: bool, faults: StoreFaults, limits: Settings) -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_800_000_000)));
        let keys = SigningKeys::open(&key_file(&folder), clock.now()).unwrap();
        let groups = BTreeMap::from([
            ("Admin".to_owned(), Permission::Admin),
            ("User".to_owned(), Permission::User),
        ]);
        let settings = VerifierSettings {
            issuer: ISSUER.to_owned(),
            clients: vec![Service::CLIENT.to_owned()],
            groups,
            max_life_s: 86_400,
        };
        let source = KeySource::Fixed(keys.key_set().unwrap());
        let verifier = Arc::new(Verifier::new(settings, source, clock.clone()));
        let runtime = Runtime {
            clock: clock.clone(),
            ids: Arc::new(SeededIds::new(7)),
            failpoints: Failpoints::none(),
        };
        let dependencies = Dependencies {
            objects: std::sync::Arc::new(object_store::memory::InMemory::new()),
            database: DatabaseSettings { target: database, migrate: true, faults },
            runtime: runtime.clone(),
            keys,
            issuer: ISSUER.to_owned(),
            verifier: verifier.clone(),
            secure,
            settings: limits,
        };
        let service = Service::start(dependencies).await.unwrap();
        let (tasks, listener) = (Tasks::new(), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let server = http_kit::HttpServer::new(listener)
            .workers(1)
            .start(&tasks, service_kit::public_routes(&service))
            .unwrap();
        let http = telemetry::http_client(Duration::from_secs(30)).unwrap();
        let base = format!("http://{}", server.address());
        Self { service, runtime, clock, verifier, tasks, base, http, _folder: folder }
    }

    pub(crate) async fn add_user(&self, email: &str, admin: bool) -> AthleteId {
        let command =
            AddUser { email: email.to_owned(), admin, password: Some(PASSWORD.to_owned().into()) };
        self.service.add_user(command).await.unwrap().0.athlete
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Response {
        let body = json!({"email": email, "password": password});
        send(self.http.post(self.url("/v1/session")).json(&body)).await
    }

    /// Signs in from another loopback address, which ends in this number.
    pub(crate) async fn sign_in_from(&self, client: u8, email: &str, password: &str) -> Response {
        let http = reqwest::Client::builder()
            .local_address(std::net::IpAddr::from([127, 0, 0, client]))
            .build()
            .unwrap();
        let body = json!({"email": email, "password": password});
        send(http.post(self.url("/v1/session")).json(&body)).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Response {
        send(self.http.get(self.url(path)).bearer_auth(token)).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Response {
        send(self.http.post(self.url(path)).bearer_auth(token).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Response {
        send(self.http.delete(self.url(path)).bearer_auth(token)).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

pub(crate) fn key_file(folder: &TempDir) -> PathBuf {
    folder.path().join("secrets").join("identity.key")
}

async fn send(request: reqwest::RequestBuilder) -> Response {
    let response = request.send().await.unwrap();
    let text =
        |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (status, cookie) = (response.status().as_u16(), text("set-cookie").unwrap_or_default());
    let retry_after = text("retry-after").is_some();
    let body = response.bytes().await.unwrap();
    Response {
        status,
        cookie,
        retry_after,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

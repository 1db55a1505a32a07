//! The operations port: is it alive, is it ready, what does it count, what is it.

use std::fmt;
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, http::header};
use futures::future::{BoxFuture, FutureExt, join_all};
use lifecycle::Stop;
use serde::{Deserialize, Serialize};

use crate::Metrics;

/// How long a check may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(1);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// One thing that readiness depends on.
#[derive(Clone)]
pub struct Probe {
    name: String,
    check: Check,
    vital: bool,
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Probe {
    /// A check by this name, for example `stats.database`.
    pub fn new<F, Fut, E>(name: impl Into<String>, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        let check = move || check().map(|result| result.map_err(|error| error.to_string())).boxed();
        Self { name: name.into(), check: Arc::new(check), vital: true }
    }

    /// The program is ready also when this check fails; it is shown all the same.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.vital = false;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether all is well, in at most a second.
    pub async fn check(&self) -> Result<(), String> {
        match tokio::time::timeout(PATIENCE, (self.check)()).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        }
    }
}

/// What is running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The program.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The commit it was built from, if it was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The services it runs.
    pub services: Vec<String>,
}

/// The operations port's own routes: `/livez`, `/readyz`, `/metrics`, `/version`.
#[derive(Clone, Debug)]
pub struct OpsEndpoints {
    probes: Arc<[Probe]>,
    metrics: Metrics,
    version: Version,
    stop: Stop,
}

impl OpsEndpoints {
    /// Ready when every probe is well and nobody asked for the stop.
    pub fn new(probes: Vec<Probe>, metrics: Metrics, version: Version, stop: Stop) -> Self {
        Self { probes: probes.into(), metrics, version, stop }
    }

    /// The routes.
    pub fn routes(&self) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
        let ops = self.clone();
        move |config| {
            config
                .app_data(Data::new(ops.clone()))
                .route("/livez", web::get().to(livez))
                .route("/readyz", web::get().to(readyz))
                .route("/metrics", web::get().to(metrics))
                .route("/version", web::get().to(version));
        }
    }

    /// Every check, at the same time.
    pub async fn check(&self) -> Readiness {
        let checks = join_all(self.probes.iter().map(checked)).await;
        let ready = !self.stop.is_stopped() && checks.iter().all(|check| check.ok || !check.vital);
        let status = match (ready, self.stop.is_stopped()) {
            (true, _) => "ready",
            (false, true) => "stopping",
            (false, false) => "not-ready",
        };
        Readiness { status, checks }
    }
}

/// Whether work can be taken, and what stands in the way.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    /// `ready`, `not-ready` or `stopping`.
    pub status: &'static str,
    /// Each check by name.
    pub checks: Vec<CheckResult>,
}

/// One check's outcome.
#[derive(Clone, Debug, Serialize)]
pub struct CheckResult {
    /// Its name.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// Whether readiness depends on it.
    pub vital: bool,
    /// How long it took.
    pub ms: u64,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

async fn checked(probe: &Probe) -> CheckResult {
    let began = Instant::now();
    let error = probe.check().await.err();
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    CheckResult { name: probe.name.clone(), ok: error.is_none(), vital: probe.vital, ms, error }
}

async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "alive"}))
}

async fn readyz(ops: Data<OpsEndpoints>) -> HttpResponse {
    let readiness = ops.check().await;
    match readiness.status {
        "ready" => HttpResponse::Ok().json(readiness),
        _ => HttpResponse::ServiceUnavailable()
            .insert_header((header::RETRY_AFTER, "1"))
            .json(readiness),
    }
}

async fn metrics(ops: Data<OpsEndpoints>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(ops.metrics.render())
}

async fn version(ops: Data<OpsEndpoints>) -> HttpResponse {
    HttpResponse::Ok().json(&ops.version)
}

//! The endpoints of the operations port: liveness, readiness, metrics and version.

use std::fmt;
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, http::header};
use futures::future::{BoxFuture, FutureExt, join, join_all};
use lifecycle::Stop;
use serde::{Deserialize, Serialize};

use crate::{Collector, Metrics};

/// Time after which a check counts as failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// A named readiness check.
#[derive(Clone)]
pub struct Probe {
    name: String,
    check: Check,
    required: bool,
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Probe {
    /// A required check with this name, for example `stats.database`.
    pub fn new<F, Fut, E>(name: impl Into<String>, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        let check = move || check().map(|result| result.map_err(|error| error.to_string())).boxed();
        Self { name: name.into(), check: Arc::new(check), required: true }
    }

    /// Makes the check optional: its failure makes the process degraded, not unready.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// Runs the check, for at most [`CHECK_TIMEOUT`].
    async fn check(&self) -> Result<(), String> {
        match tokio::time::timeout(CHECK_TIMEOUT, (self.check)()).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {CHECK_TIMEOUT:?}")),
        }
    }
}

/// The body of `/version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Name of the program.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Commit the program was built from, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Names of the services that run in the process.
    pub services: Vec<String>,
}

/// The endpoints `/livez`, `/readyz`, `/metrics` and `/version`.
#[derive(Clone, Debug)]
pub struct OpsEndpoints {
    probes: Arc<[Probe]>,
    collectors: Arc<[Collector]>,
    metrics: Metrics,
    version: Version,
    stop: Stop,
}

impl OpsEndpoints {
    /// Endpoints that report ready while every required probe succeeds and `stop` is not triggered.
    pub fn new(probes: Vec<Probe>, metrics: Metrics, version: Version, stop: Stop) -> Self {
        Self { probes: probes.into(), collectors: Arc::from([]), metrics, version, stop }
    }

    /// Sets what is collected at each scrape besides the readiness checks.
    #[must_use]
    pub fn collectors(mut self, collectors: Vec<Collector>) -> Self {
        self.collectors = collectors.into();
        self
    }

    /// Returns the route configuration.
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

    /// Runs all checks and collectors concurrently, and sets their gauges.
    async fn collect(&self) {
        let collected = join_all(self.collectors.iter().map(Collector::collect));
        let (readiness, _) = join(self.check_readiness(), collected).await;
        for check in readiness.checks {
            let labels = [("check", check.name), ("vital", check.required.to_string())];
            metrics::gauge!("ready", &labels).set(if check.ok { 1.0 } else { 0.0 });
        }
    }

    /// Runs all checks concurrently.
    async fn check_readiness(&self) -> Readiness {
        let checks = join_all(self.probes.iter().map(run_check)).await;
        let failed = checks.iter().filter(|check| !check.ok).map(|check| check.required).max();
        let status = match (self.stop.is_stopped(), failed) {
            (true, _) => "stopping",
            (false, None) => "ready",
            (false, Some(false)) => "degraded",
            (false, Some(true)) => "not-ready",
        };
        Readiness { status, checks }
    }
}

/// The body of `/readyz`.
#[derive(Debug, Serialize)]
struct Readiness {
    /// `ready`, `degraded` (ready, but an optional check fails), `not-ready` or `stopping`.
    status: &'static str,
    checks: Vec<CheckResult>,
}

/// The outcome of one check.
#[derive(Debug, Serialize)]
struct CheckResult {
    name: String,
    ok: bool,
    /// True if readiness depends on it.
    #[serde(rename = "vital")]
    required: bool,
    /// Duration in milliseconds.
    ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

async fn run_check(probe: &Probe) -> CheckResult {
    let started = Instant::now();
    let error = probe.check().await.err();
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    CheckResult {
        name: probe.name.clone(),
        ok: error.is_none(),
        required: probe.required,
        ms,
        error,
    }
}

async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "alive"}))
}

async fn readyz(ops: Data<OpsEndpoints>) -> HttpResponse {
    let readiness = ops.check_readiness().await;
    match readiness.status {
        "ready" | "degraded" => HttpResponse::Ok().json(readiness),
        _ => HttpResponse::ServiceUnavailable()
            .insert_header((header::RETRY_AFTER, "1"))
            .json(readiness),
    }
}

async fn metrics(ops: Data<OpsEndpoints>) -> HttpResponse {
    ops.collect().await;
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(ops.metrics.render())
}

async fn version(ops: Data<OpsEndpoints>) -> HttpResponse {
    HttpResponse::Ok().json(&ops.version)
}

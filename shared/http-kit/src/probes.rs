//! What the operations port tells: alive, ready (each dependency named), metrics, version.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::json;

/// How long one check may take.
const PATIENCE: Duration = Duration::from_millis(800);

type Check = dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync;

/// A named check of something a service needs.
#[derive(Clone)]
pub struct Probe {
    name: String,
    check: Arc<Check>,
    vital: bool,
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probe")
            .field("name", &self.name)
            .field("vital", &self.vital)
            .finish_non_exhaustive()
    }
}

impl Probe {
    /// A check without which the program is not ready.
    pub fn new<C, F>(name: impl Into<String>, check: C) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name: name.into(), check: Arc::new(move || Box::pin(check())), vital: true }
    }

    /// The program is ready also when this check fails; it is shown all the same.
    #[must_use]
    pub fn not_vital(mut self) -> Self {
        self.vital = false;
        self
    }
}

/// All checks of a program.
#[derive(Clone, Debug, Default)]
pub struct Probes(Arc<Vec<Probe>>);

impl Probes {
    /// These checks.
    pub fn new(probes: Vec<Probe>) -> Self {
        Self(Arc::new(probes))
    }

    /// Whether all vital checks pass, and what each says.
    pub async fn check(&self) -> (bool, BTreeMap<String, String>) {
        let answers = futures::future::join_all(self.0.iter().map(|probe| async move {
            let said = match tokio::time::timeout(PATIENCE, (probe.check)()).await {
                Ok(said) => said,
                Err(_) => Err(format!("no answer within {} ms", PATIENCE.as_millis())),
            };
            (probe, said)
        }))
        .await;
        let ready = answers.iter().all(|(probe, said)| said.is_ok() || !probe.vital);
        let told = answers
            .into_iter()
            .map(|(probe, said)| {
                (probe.name.clone(), said.err().unwrap_or_else(|| "ok".to_owned()))
            })
            .collect();
        (ready, told)
    }

    /// The routes of the operations port.
    pub fn routes(self) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
        move |routes| {
            routes
                .app_data(web::Data::new(self.clone()))
                .route("/livez", web::get().to(livez))
                .route("/readyz", web::get().to(readyz))
                .route("/metrics", web::get().to(metrics))
                .route("/version", web::get().to(version));
        }
    }
}

async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

async fn readyz(probes: web::Data<Probes>) -> HttpResponse {
    let (ready, checks) = probes.check().await;
    let (status, word) =
        if ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready") };
    HttpResponseBuilder::new(status).json(json!({"status": word, "checks": checks}))
}

async fn version() -> HttpResponse {
    HttpResponse::Ok().json(json!({"name": "paceline", "version": env!("CARGO_PKG_VERSION")}))
}

async fn metrics() -> HttpResponse {
    match RECORDER.get() {
        Some(handle) => {
            HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(handle.render())
        }
        None => HttpResponse::NotFound().finish(),
    }
}

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Turns metrics on for the whole program; a second call changes nothing.
pub fn install_metrics() {
    if RECORDER.get().is_none()
        && let Ok(handle) = PrometheusBuilder::new().install_recorder()
    {
        // Lost the race against another call: that one's recorder is the installed one.
        let _ = RECORDER.set(handle);
    }
}

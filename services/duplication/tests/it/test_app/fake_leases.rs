//! A fake lease service: hands out the simulator's tokens, or refuses.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use actix_web::{App, HttpResponse, HttpServer, web};
use kernel::AthleteId;
use lifecycle::Tasks;
use serde_json::{Value, json};

/// Tokens to hand out, and the requests received.
#[derive(Debug, Default)]
pub(crate) struct FakeLeases {
    tokens: Mutex<HashMap<String, String>>,
    refusal: Mutex<Option<(u16, Value)>>,
    requests: Mutex<Vec<Value>>,
    reports: Mutex<Vec<Value>>,
}

impl FakeLeases {
    pub(crate) fn set_token(&self, athlete: AthleteId, token: &str) {
        self.tokens.lock().unwrap().insert(athlete.to_string(), token.to_owned());
    }

    pub(crate) fn set_refusal(&self, refusal: Option<(u16, Value)>) {
        *self.refusal.lock().unwrap() = refusal;
    }

    pub(crate) fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn reports(&self) -> Vec<Value> {
        self.reports.lock().unwrap().clone()
    }

    /// Serves until the tasks stop.
    pub(crate) fn serve(self: &Arc<Self>, tasks: &Tasks) -> SocketAddr {
        let data = web::Data::from(Arc::clone(self));
        serve(tasks, move |config| {
            config
                .app_data(data.clone())
                .route("/internal/v1/leases", web::post().to(lease))
                .route("/internal/v1/leases/{lease}/report", web::post().to(report));
        })
    }
}

/// Serves these routes on a port of its own until the tasks stop.
pub(crate) fn serve(
    tasks: &Tasks,
    configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
) -> SocketAddr {
    let server = HttpServer::new(move || App::new().configure(configure.clone()))
        .workers(1)
        .disable_signals()
        .shutdown_timeout(1)
        .bind("127.0.0.1:0")
        .unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let (handle, soft) = (server.handle(), tasks.soft());
    tasks.spawn("test.server", async move { Ok(server.await?) });
    tasks.spawn("test.server.stop", async move {
        soft.stopped().await;
        handle.stop(false).await;
        Ok(())
    });
    address
}

async fn lease(leases: web::Data<FakeLeases>, body: web::Json<Value>) -> HttpResponse {
    leases.requests.lock().unwrap().push(body.0.clone());
    if let Some((status, body)) = leases.refusal.lock().unwrap().clone() {
        return HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap())
            .json(body);
    }
    let athlete = body["athlete"].as_str().unwrap_or_default();
    match leases.tokens.lock().unwrap().get(athlete) {
        Some(token) => HttpResponse::Ok().json(json!({
            "lease": "018f0000-0000-7000-8000-000000000001",
            "access_token": token,
            "token_expires_at": "2040-01-01T00:00:00Z",
            "lease_expires_at": "2040-01-01T00:00:00Z",
        })),
        None => HttpResponse::Conflict()
            .json(json!({"type": "https://paceline.dev/problems/disconnected"})),
    }
}

async fn report(leases: web::Data<FakeLeases>, body: web::Json<Value>) -> HttpResponse {
    leases.reports.lock().unwrap().push(body.0);
    HttpResponse::NoContent().finish()
}

//! A receiver of webhooks whose answers a test chooses.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use crate::test_app::{TestApp, TestResponse, eventually, send};

#[derive(Default)]
pub(crate) struct Inbox {
    pub(crate) events: Mutex<Vec<Value>>,
    pub(crate) signatures: Mutex<Vec<String>>,
    /// Statuses for the next events, 200 afterwards; 0 delays the answer by three seconds.
    pub(crate) statuses: Mutex<VecDeque<u16>>,
    queries: Mutex<Vec<String>>,
}

pub(crate) struct WebhookReceiver {
    pub(crate) inbox: Arc<Inbox>,
    url: String,
    server: ServerHandle,
}

impl Drop for WebhookReceiver {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}

async fn answer_challenge(inbox: web::Data<Inbox>, request: HttpRequest) -> HttpResponse {
    inbox.queries.lock().unwrap().push(request.query_string().to_owned());
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
    let value =
        |key: &str| query.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone());
    if value("hub.verify_token").as_deref() != Some("secret-word") {
        return HttpResponse::Forbidden().finish();
    }
    HttpResponse::Ok().json(json!({"hub.challenge": value("hub.challenge")}))
}

async fn receive_event(
    inbox: web::Data<Inbox>,
    request: HttpRequest,
    body: web::Json<Value>,
) -> HttpResponse {
    if let Some(signature) = request.headers().get("x-strava-signature") {
        inbox.signatures.lock().unwrap().push(signature.to_str().unwrap().to_owned());
    }
    inbox.events.lock().unwrap().push(body.into_inner());
    let status = inbox.statuses.lock().unwrap().pop_front().unwrap_or(200);
    if status == 0 {
        tokio::time::sleep(Duration::from_secs(3)).await;
        return HttpResponse::Ok().finish();
    }
    HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap()).finish()
}

impl WebhookReceiver {
    pub(crate) fn start() -> Self {
        let inbox = Arc::new(Inbox::default());
        let data = web::Data::from(inbox.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route("/hook", web::get().to(answer_challenge))
                .route("/hook", web::post().to(receive_event))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .unwrap();
        let url = format!("http://{}/hook?kept=yes", server.addrs()[0]);
        let running = server.run();
        let server = running.handle();
        TaskTracker::new().spawn(running);
        Self { inbox, url, server }
    }

    /// Subscribes application 1.
    pub(crate) async fn subscribe(&self, app: &TestApp, verify_token: &str) -> TestResponse {
        let form = [
            ("client_id", "1"),
            ("client_secret", "sim-secret"),
            ("callback_url", &self.url),
            ("verify_token", verify_token),
        ];
        let request = app.client.post(app.url("/api/v3/push_subscriptions")).form(&form);
        send(request).await
    }

    pub(crate) async fn start_subscribed(app: &TestApp) -> Self {
        let receiver = Self::start();
        let answer = receiver.subscribe(app, "secret-word").await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        receiver
    }

    pub(crate) fn queries(&self) -> Vec<String> {
        self.inbox.queries.lock().unwrap().clone()
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        self.inbox.events.lock().unwrap().clone()
    }

    /// Waits for this many events.
    pub(crate) async fn wait_for_events(&self, count: usize) -> Vec<Value> {
        eventually(async || Some(self.events()).filter(|events| events.len() >= count)).await
    }

    /// Waits until the simulator has nothing left to send; the events received.
    pub(crate) async fn wait_until_delivered(&self, app: &TestApp) -> Vec<Value> {
        eventually(async || {
            let log = app.admin_get("webhooks/deliveries").await;
            let pending = log.as_array().unwrap().iter().any(|entry| entry["outcome"] == "pending");
            (!pending).then_some(())
        })
        .await;
        self.events()
    }
}

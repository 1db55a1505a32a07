//! A door as callers meet it: over a socket, with everything in place.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use http_kit::{
    AllowedMethods, BodyLimit, HttpServer, Json, Metrics, OpsEndpoints, Path, Probe, Problem,
    RequestId, Version,
};
use kernel::Timestamp;
use lifecycle::{JoinOutcome, Stop, Tasks};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Body {
    child: String,
}

async fn echo(Json(body): Json<Body>) -> HttpResponse {
    HttpResponse::Ok().json(body.child)
}

async fn refuse() -> Result<HttpResponse, Problem> {
    let cause = anyhow::anyhow!("the password of the database is hunter2");
    Err(Problem::internal(cause))
}

async fn later() -> Result<HttpResponse, Problem> {
    Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests")
        .retry_at(Timestamp::from_secs(1_700_000_000)))
}

async fn thing(Path(id): Path<uuid::Uuid>, request: HttpRequest) -> HttpResponse {
    let etag = http_kit::version_etag(7);
    if http_kit::is_not_modified(&request, &etag) {
        return HttpResponse::NotModified().insert_header(("etag", etag)).finish();
    }
    HttpResponse::Ok().insert_header(("etag", etag)).body(id.to_string())
}

async fn id(id: RequestId) -> String {
    id.as_str().to_owned()
}

/// An error in the form of the predecessor.
#[derive(Debug)]
struct Theirs;

impl std::fmt::Display for Theirs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("theirs")
    }
}

impl actix_web::ResponseError for Theirs {
    fn status_code(&self) -> StatusCode {
        StatusCode::NOT_FOUND
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::NotFound().json(serde_json::json!({"detail": "not cached yet"}))
    }
}

async fn theirs() -> Result<HttpResponse, Theirs> {
    Err(Theirs)
}

async fn frameworks() -> actix_web::Result<HttpResponse> {
    Err(actix_web::error::ErrorConflict("the framework's own words"))
}

async fn page() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body("<p>hello</p>")
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(400)).await;
    "done"
}

fn routes(config: &mut ServiceConfig) {
    use utoipa::openapi::path::{HttpMethod, Operation, PathItem};
    use utoipa::openapi::{OpenApiBuilder, PathsBuilder};
    let paths =
        PathsBuilder::new().path("/echo", PathItem::new(HttpMethod::Post, Operation::new()));
    config
        .app_data(AllowedMethods::from_openapi(&OpenApiBuilder::new().paths(paths.build()).build()))
        .service(web::resource("/small").app_data(BodyLimit(16)).route(web::post().to(echo)))
        .service(web::resource("/resource").route(web::get().to(id)))
        .route("/echo", web::post().to(echo))
        .route("/refuse", web::get().to(refuse))
        .route("/theirs", web::get().to(theirs))
        .route("/frameworks", web::get().to(frameworks))
        .route("/later", web::get().to(later))
        .route("/things/{id}", web::get().to(thing))
        .route("/id", web::get().to(id))
        .route("/page", web::get().to(page))
        .route("/slow", web::get().to(slow));
}

struct Host {
    base: String,
    tasks: Tasks,
    http: reqwest::Client,
}

impl Host {
    fn of(configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Self {
        let tasks = Tasks::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server =
            HttpServer::new(listener).allowed_origins(vec!["https://app.example".to_owned()]);
        let serving = server.start(&tasks, configure).unwrap();
        let http = telemetry::http_client(Duration::from_secs(5)).unwrap();
        Self { base: format!("http://{}", serving.address()), tasks, http }
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.base))
    }

    fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/json")
            .body(body)
    }
}

struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    fn problem(&self) -> (u16, String, Value) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.body);
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(body["status"], self.status);
        let code =
            body["type"].as_str().unwrap().strip_prefix("https://paceline.dev/problems/").unwrap();
        (self.status, code.to_owned(), body)
    }
}

async fn ask(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.text().await.unwrap() }
}

#[tokio::test]
async fn an_address_that_leads_nowhere_is_a_problem_that_names_it() {
    let host = Host::of(routes);
    let (status, code, body) = ask(host.get("/nowhere")).await.problem();
    assert_eq!(
        (status, code.as_str(), body["instance"].as_str()),
        (404, "not-found", Some("/nowhere"))
    );
    let (status, code, _) = ask(host.get("/things/not-a-uuid")).await.problem();
    assert_eq!((status, code.as_str()), (404, "not-found"));
}

#[tokio::test]
async fn a_wrong_method_is_told_which_are_right() {
    let host = Host::of(routes);
    let answer = ask(host.get("/echo")).await;
    assert_eq!((answer.problem().0, answer.header("allow")), (405, "POST"));
    assert_eq!(ask(host.post("/resource", "{}")).await.problem().1, "method-not-allowed");
}

#[tokio::test]
async fn a_wrong_body_gets_the_status_that_fits() {
    let host = Host::of(routes);
    assert_eq!(ask(host.post("/echo", r#"{"child":"Milla"}"#)).await.body, "\"Milla\"");
    let (status, _, body) = ask(host.post("/echo", r#"{"child":5}"#)).await.problem();
    assert_eq!((status, body["errors"][0]["field"].as_str()), (422, Some("child")));
    assert_eq!(ask(host.post("/echo", "{")).await.problem().0, 400);
    let text = host
        .http
        .post(format!("{}/echo", host.base))
        .header("content-type", "text/plain")
        .body("x");
    assert_eq!(ask(text).await.problem().0, 415);
    assert_eq!(
        ask(host.post("/small", r#"{"child":"a name too long"}"#)).await.problem().1,
        "body-too-large"
    );
    let endless = reqwest::Body::wrap_stream(futures::stream::iter(
        (0..400).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024])),
    ));
    assert_eq!(ask(host.post("/echo", endless)).await.problem().0, 413);
}

#[tokio::test]
async fn the_caller_of_a_failure_learns_nothing_of_its_cause() {
    let host = Host::of(routes);
    let answer = ask(host.get("/refuse")).await;
    assert_eq!(answer.problem().1, "internal");
    assert!(!answer.body.contains("hunter2"), "{}", answer.body);
}

#[tokio::test]
async fn an_error_of_the_framework_becomes_a_problem_and_one_in_a_form_of_its_own_stays() {
    let host = Host::of(routes);
    assert_eq!(ask(host.get("/frameworks")).await.problem().0, 409);
    let theirs = ask(host.get("/theirs")).await;
    assert_eq!((theirs.status, theirs.body.as_str()), (404, r#"{"detail":"not cached yet"}"#));
}

#[tokio::test]
async fn a_refusal_for_now_says_until_when() {
    let host = Host::of(routes);
    let answer = ask(host.get("/later")).await;
    assert_eq!(answer.header("retry-after"), "Tue, 14 Nov 2023 22:13:20 GMT");
    assert_eq!(answer.problem().2["retry_at"], "2023-11-14T22:13:20Z");
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_another_replaced() {
    let host = Host::of(routes);
    let kept = ask(host.get("/id").header("x-request-id", "abc-123")).await;
    assert_eq!((kept.header("x-request-id"), kept.body.as_str()), ("abc-123", "abc-123"));
    let replaced = ask(host.get("/id").header("x-request-id", "a b\"<script>")).await;
    assert_eq!(
        (replaced.header("x-request-id"), replaced.body.len()),
        (replaced.body.as_str(), 32)
    );
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_protect_it() {
    let host = Host::of(routes);
    for path in ["/page", "/nowhere", "/id"] {
        let answer = ask(host.get(path)).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(
            !answer.header("referrer-policy").is_empty()
                && !answer.header("cache-control").is_empty(),
            "{path}"
        );
    }
    assert!(
        ask(host.get("/page"))
            .await
            .header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );
    assert_eq!(ask(host.get("/id")).await.header("cache-control"), "private, no-cache");
}

#[tokio::test]
async fn head_answers_as_get_does_without_the_body() {
    let host = Host::of(routes);
    let path = format!("{}/things/{}", host.base, uuid::Uuid::nil());
    let answer = ask(host.http.head(&path)).await;
    assert_eq!(
        (
            answer.status,
            answer.header("etag"),
            answer.header("content-length"),
            answer.body.as_str()
        ),
        (200, "\"7\"", "36", "")
    );
    assert_eq!(ask(host.http.get(path).header("if-none-match", "\"7\"")).await.status, 304);
}

#[tokio::test]
async fn only_pages_of_named_origins_may_call() {
    let host = Host::of(routes);
    let ours = ask(host.get("/id").header("origin", "https://app.example")).await;
    assert_eq!(ours.header("access-control-allow-origin"), "https://app.example");
    let theirs = ask(host.get("/id").header("origin", "https://evil.example")).await;
    assert_eq!(theirs.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_request_in_flight_is_answered_when_we_stop() {
    let host = Host::of(routes);
    let (slow, began) = (host.get("/slow"), Instant::now());
    let stopped = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        host.tasks.join(Duration::from_secs(10)).await
    };

    let (answer, outcome) = tokio::join!(ask(slow), stopped);

    assert_eq!((answer.status, answer.body.as_str(), outcome), (200, "done", JoinOutcome::Clean));
    assert!(began.elapsed() < Duration::from_secs(4), "stopping took {:?}", began.elapsed());
    assert!(host.get("/id").send().await.is_err(), "the door is closed");
}

#[tokio::test]
async fn readiness_names_what_is_missing_and_ends_with_the_stop() {
    let (up, stop) = (Arc::new(AtomicBool::new(false)), Stop::new());
    let seen = up.clone();
    let database = Probe::new("stats.database", move || {
        let up = seen.load(Ordering::SeqCst);
        async move { if up { Ok(()) } else { Err("connection refused") } }
    });
    let stuck = Arc::new(AtomicBool::new(true));
    let waits = stuck.clone();
    let bus = Probe::new("bus", move || {
        let waits = waits.load(Ordering::SeqCst);
        async move {
            if waits {
                std::future::pending::<()>().await;
            }
            Ok::<_, String>(())
        }
    });
    let version = Version {
        name: "paceline".into(),
        version: "0.1.0".into(),
        commit: None,
        services: vec!["stats".into()],
    };
    let traces = Probe::new("traces", || async { Err::<(), _>("no collector") }).optional();
    let ops = OpsEndpoints::new(
        vec![database, bus, traces],
        Metrics::detached().unwrap(),
        version,
        stop.clone(),
    );
    let host = Host::of(ops.routes());

    let answer = ask(host.get("/readyz")).await;
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        (answer.status, body["checks"][0]["error"].as_str()),
        (503, Some("connection refused"))
    );
    assert_eq!(body["checks"][1]["error"], "no answer within 1s");

    up.store(true, Ordering::SeqCst);
    stuck.store(false, Ordering::SeqCst);
    assert_eq!(ask(host.get("/readyz")).await.status, 200);
    assert_eq!(ask(host.get("/livez")).await.status, 200);
    assert!(ask(host.get("/version")).await.body.contains("stats"));
    assert_eq!(ask(host.get("/metrics")).await.status, 200);

    stop.trigger();
    let answer = ask(host.get("/readyz")).await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("stopping"), "{}", answer.body);
}

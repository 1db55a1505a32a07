//! The server over a socket, with all middleware.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use http_kit::{
    BodyLimit, BodyTimeout, DescribedRoutes, HttpServer, Json, Metrics, OpsEndpoints, Path, Probe,
    Problem, RequestId, Version,
};
use kernel::Timestamp;
use lifecycle::{JoinOutcome, Stop, Tasks};
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

#[derive(Deserialize)]
struct EchoBody {
    child: String,
}

async fn echo(Json(body): Json<EchoBody>) -> HttpResponse {
    HttpResponse::Ok().json(body.child)
}

async fn fail() -> Result<HttpResponse, Problem> {
    let cause = anyhow::anyhow!("the password of the database is hunter2");
    Err(Problem::internal(cause))
}

async fn rate_limited() -> Result<HttpResponse, Problem> {
    Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests")
        .retry_at(Timestamp::from_secs(1_700_000_000)))
}

async fn get_thing(Path(id): Path<uuid::Uuid>, request: HttpRequest) -> HttpResponse {
    let etag = http_kit::version_etag(kernel::AthleteId::from_uuid(id), 7);
    if http_kit::is_not_modified(&request, &etag) {
        return HttpResponse::NotModified().insert_header(("etag", etag)).finish();
    }
    HttpResponse::Ok().insert_header(("etag", etag)).body(id.to_string())
}

async fn get_request_id(id: RequestId) -> String {
    id.as_str().to_owned()
}

/// An error that renders itself in another format.
#[derive(Debug)]
struct CustomError;

impl std::fmt::Display for CustomError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("custom")
    }
}

impl actix_web::ResponseError for CustomError {
    fn status_code(&self) -> StatusCode {
        StatusCode::NOT_FOUND
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::NotFound().json(serde_json::json!({"detail": "not cached yet"}))
    }
}

async fn custom_error() -> Result<HttpResponse, CustomError> {
    Err(CustomError)
}

async fn framework_error() -> actix_web::Result<HttpResponse> {
    Err(actix_web::error::ErrorConflict("an error of the framework"))
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
    use utoipa::openapi::path::{Parameter, ParameterIn};
    use utoipa::openapi::{OpenApiBuilder, PathsBuilder};
    let limit = Parameter::builder().name("limit").parameter_in(ParameterIn::Query);
    let mut list = Operation::new();
    list.parameters = Some(vec![limit.build().into()]);
    let paths = PathsBuilder::new()
        .path("/echo", PathItem::new(HttpMethod::Post, Operation::new()))
        .path("/v1/things", PathItem::new(HttpMethod::Get, list));
    config
        .app_data(DescribedRoutes::from_openapi(
            &OpenApiBuilder::new().paths(paths.build()).build(),
        ))
        .service(web::resource("/small").app_data(BodyLimit(16)).route(web::post().to(echo)))
        .service(web::resource("/resource").route(web::get().to(get_request_id)))
        .route("/echo", web::post().to(echo))
        .route("/fail", web::get().to(fail))
        .route("/custom-error", web::get().to(custom_error))
        .route("/framework-error", web::get().to(framework_error))
        .route("/rate-limited", web::get().to(rate_limited))
        .route("/things/{id}", web::get().to(get_thing))
        .route("/v1/things", web::get().to(get_request_id))
        .route("/id", web::get().to(get_request_id))
        .route("/page", web::get().to(page))
        .route("/slow", web::get().to(slow));
}

struct TestServer {
    base: String,
    tasks: Tasks,
    http: reqwest::Client,
}

impl TestServer {
    fn start(configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Self {
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

struct TestResponse {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: String,
}

impl TestResponse {
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

async fn send(request: reqwest::RequestBuilder) -> TestResponse {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    TestResponse { status, headers, body: response.text().await.unwrap() }
}

/// Opens a connection and sends this text.
async fn connect(server: &TestServer, text: &str) -> TcpStream {
    let mut stream =
        TcpStream::connect(server.base.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Sends this text and returns the first line of the answer.
async fn first_line(server: &TestServer, text: &str) -> String {
    let mut line = String::new();
    BufReader::new(connect(server, text).await).read_line(&mut line).await.unwrap();
    line
}

#[tokio::test]
async fn an_unknown_path_is_a_problem_that_names_it() {
    let server = TestServer::start(routes);
    let (status, code, body) = send(server.get("/unknown")).await.problem();
    assert_eq!(
        (status, code.as_str(), body["instance"].as_str()),
        (404, "not-found", Some("/unknown"))
    );
    let (status, code, _) = send(server.get("/things/not-a-uuid")).await.problem();
    assert_eq!((status, code.as_str()), (404, "not-found"));
}

#[tokio::test]
async fn a_wrong_method_gets_the_allowed_ones() {
    let server = TestServer::start(routes);
    let response = send(server.get("/echo")).await;
    assert_eq!((response.problem().0, response.header("allow")), (405, "POST"));
    assert_eq!(send(server.post("/resource", "{}")).await.problem().1, "method-not-allowed");
}

#[tokio::test]
async fn a_query_parameter_that_a_route_does_not_have_is_refused() {
    let server = TestServer::start(routes);
    assert_eq!(send(server.get("/v1/things?limit=3")).await.status, 200);
    let (status, code, body) = send(server.get("/v1/things?limits=3")).await.problem();
    assert_eq!((status, code.as_str()), (422, "invalid-request"));
    assert_eq!(body["errors"][0]["field"], "limits");
    assert_eq!(
        send(server.http.head(format!("{}/v1/things?limits=3", server.base))).await.status,
        422
    );
    assert_eq!(send(server.get("/id?anything=goes")).await.status, 200, "an undescribed route");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_given_up() {
    let server = TestServer::start(|config| {
        config.app_data(BodyTimeout(Duration::from_millis(200)));
        routes(config);
    });
    let head = "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
    assert!(first_line(&server, head).await.contains("408"));
}

#[tokio::test]
async fn a_server_serves_as_many_connections_as_it_may_and_the_next_one_when_one_ends() {
    let tasks = Tasks::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = HttpServer::new(listener).workers(1).max_connections(2);
    let serving = server.start(&tasks, routes).unwrap();
    let base = format!("http://{}", serving.address());
    let http = telemetry::http_client(Duration::from_secs(5)).unwrap();
    let server = TestServer { base, tasks, http };
    let head = "GET /slow HTTP/1.1\r\nhost: x\r\n";
    let (one, two) = (connect(&server, head).await, connect(&server, head).await);

    let third = server.get("/id").timeout(Duration::from_millis(500));
    assert!(third.send().await.unwrap_err().is_timeout());
    drop((one, two));
    assert_eq!(send(server.get("/id")).await.status, 200);
}

#[tokio::test]
async fn an_invalid_body_gets_the_fitting_status() {
    let server = TestServer::start(routes);
    assert_eq!(send(server.post("/echo", r#"{"child":"Milla"}"#)).await.body, "\"Milla\"");
    let (status, _, body) = send(server.post("/echo", r#"{"child":5}"#)).await.problem();
    assert_eq!((status, body["errors"][0]["field"].as_str()), (422, Some("child")));
    assert_eq!(send(server.post("/echo", "{")).await.problem().0, 400);
    let text = server
        .http
        .post(format!("{}/echo", server.base))
        .header("content-type", "text/plain")
        .body("x");
    assert_eq!(send(text).await.problem().0, 415);
    assert_eq!(
        send(server.post("/small", r#"{"child":"a name too long"}"#)).await.problem().1,
        "body-too-large"
    );
    let endless = reqwest::Body::wrap_stream(futures::stream::iter(
        (0..400).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1024])),
    ));
    assert_eq!(send(server.post("/echo", endless)).await.problem().0, 413);
}

#[tokio::test]
async fn an_internal_error_does_not_reveal_its_cause() {
    let server = TestServer::start(routes);
    let response = send(server.get("/fail")).await;
    assert_eq!(response.problem().1, "internal");
    assert!(!response.body.contains("hunter2"), "{}", response.body);
}

#[tokio::test]
async fn a_framework_error_becomes_a_problem_and_a_custom_one_stays() {
    let server = TestServer::start(routes);
    assert_eq!(send(server.get("/framework-error")).await.problem().0, 409);
    let response = send(server.get("/custom-error")).await;
    assert_eq!((response.status, response.body.as_str()), (404, r#"{"detail":"not cached yet"}"#));
}

#[tokio::test]
async fn a_temporary_refusal_says_when_to_retry() {
    let server = TestServer::start(routes);
    let response = send(server.get("/rate-limited")).await;
    assert_eq!(response.header("retry-after"), "Tue, 14 Nov 2023 22:13:20 GMT");
    assert_eq!(response.problem().2["retry_at"], "2023-11-14T22:13:20Z");
}

#[tokio::test]
async fn a_valid_request_id_is_kept_and_an_invalid_one_replaced() {
    let server = TestServer::start(routes);
    let kept = send(server.get("/id").header("x-request-id", "abc-123")).await;
    assert_eq!((kept.header("x-request-id"), kept.body.as_str()), ("abc-123", "abc-123"));
    let replaced = send(server.get("/id").header("x-request-id", "a b\"<script>")).await;
    assert_eq!(
        (replaced.header("x-request-id"), replaced.body.len()),
        (replaced.body.as_str(), 32)
    );
}

#[tokio::test]
async fn every_response_has_security_headers() {
    let server = TestServer::start(routes);
    for path in ["/page", "/unknown", "/id"] {
        let response = send(server.get(path)).await;
        assert_eq!(response.header("x-content-type-options"), "nosniff", "{path}");
        assert!(
            !response.header("referrer-policy").is_empty()
                && !response.header("cache-control").is_empty(),
            "{path}"
        );
    }
    assert!(
        send(server.get("/page"))
            .await
            .header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );
    assert_eq!(send(server.get("/id")).await.header("cache-control"), "private, no-cache");
}

#[tokio::test]
async fn private_answers_vary_with_who_asks_and_keep_the_variance_of_origins() {
    let server = TestServer::start(routes);
    for path in ["/id", "/things/nonsense", "/nowhere"] {
        for origin in ["https://app.example", "https://evil.example"] {
            let request = server.http.get(format!("{}{path}", server.base));
            let response = request.header("origin", origin).send().await.unwrap();
            let vary = response.headers().get_all("vary").iter();
            let vary = vary.map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join(", ");
            for name in ["Authorization", "Cookie", "Origin"] {
                assert!(vary.contains(name), "{path} for {origin} varies with {vary:?}");
            }
        }
    }
}

#[tokio::test]
async fn head_responds_as_get_without_a_body() {
    let server = TestServer::start(routes);
    let path = format!("{}/things/{}", server.base, uuid::Uuid::nil());
    let response = send(server.http.head(&path)).await;
    assert_eq!(
        (response.status, response.header("content-length"), response.body.as_str()),
        (200, "36", "")
    );
    let tag = response.header("etag");
    assert!(tag.starts_with("\"7-"), "{tag}");
    assert_eq!(send(server.http.get(path).header("if-none-match", tag)).await.status, 304);
}

#[tokio::test]
async fn only_allowed_origins_get_cors_headers() {
    let server = TestServer::start(routes);
    let ours = send(server.get("/id").header("origin", "https://app.example")).await;
    assert_eq!(ours.header("access-control-allow-origin"), "https://app.example");
    let response = send(server.get("/id").header("origin", "https://evil.example")).await;
    assert_eq!(response.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_request_in_flight_completes_during_a_stop() {
    let server = TestServer::start(routes);
    let (slow, started) = (server.get("/slow"), Instant::now());
    let stopped = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.tasks.join(Duration::from_secs(10)).await
    };

    let (response, outcome) = tokio::join!(send(slow), stopped);

    assert_eq!(
        (response.status, response.body.as_str(), outcome),
        (200, "done", JoinOutcome::Clean)
    );
    assert!(started.elapsed() < Duration::from_secs(4), "stopping took {:?}", started.elapsed());
    assert!(server.get("/id").send().await.is_err(), "the listener is closed");
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
    let server = TestServer::start(ops.routes());

    let response = send(server.get("/readyz")).await;
    let body: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!(
        (response.status, body["checks"][0]["error"].as_str()),
        (503, Some("connection refused"))
    );
    assert_eq!(body["checks"][1]["error"], "no answer within 1s");

    up.store(true, Ordering::SeqCst);
    stuck.store(false, Ordering::SeqCst);
    let response = send(server.get("/readyz")).await;
    let body: Value = serde_json::from_str(&response.body).unwrap();
    assert_eq!((response.status, body["status"].as_str()), (200, Some("degraded")));
    assert_eq!(body["checks"][2]["error"], "no collector");
    assert_eq!(send(server.get("/livez")).await.status, 200);
    assert!(send(server.get("/version")).await.body.contains("stats"));
    assert_eq!(send(server.get("/metrics")).await.status, 200);

    stop.trigger();
    let response = send(server.get("/readyz")).await;
    assert_eq!(response.status, 503);
    assert!(response.body.contains("stopping"), "{}", response.body);
}

//! The extractors on a running server.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Data, ServiceConfig};
use auth::{
    Admin, InternalCaller, NotBefore, Require, ServiceCredential, SessionRevocations, SignedIn,
};
use http_kit::{Json, Path, Query};
use kernel::{AthleteId, Timestamp};
use lifecycle::Tasks;
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::TokenSigner;

use crate::fixed_verifier;
use crate::issuer::{ATHLETE, NOW, claims, claims_with};

async fn get_athlete(athlete: SignedIn) -> String {
    athlete.athlete().to_string()
}

async fn get_admin(athlete: Require<Admin>) -> String {
    athlete.athlete().to_string()
}

#[derive(Deserialize)]
struct Thing {
    number: u32,
}

async fn post_thing(
    _: SignedIn,
    Path(_number): Path<u32>,
    Query(query): Query<Thing>,
    Json(body): Json<Thing>,
) -> String {
    (query.number + body.number).to_string()
}

/// Says after a while that this athlete's sessions have ended.
struct SlowRevocations;

const SIGNED_OUT: &str = "01930000-0000-7000-8000-00000000ffff";

impl SessionRevocations for SlowRevocations {
    fn not_before(&self, athlete: AthleteId) -> NotBefore<'_> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let is_signed_out = athlete.to_string() == SIGNED_OUT;
            Ok(is_signed_out.then(|| Timestamp::from_secs(NOW + 1)))
        })
    }
}

async fn post_internal(_: InternalCaller) -> &'static str {
    "inside"
}

struct TestServer {
    base: String,
    key: TokenSigner,
    http: reqwest::Client,
    // Keeps the server running.
    _tasks: Tasks,
}

impl TestServer {
    fn start() -> Self {
        let (key, tasks) = (TokenSigner::generate("one"), Tasks::new());
        let (verifier, credential) = (
            fixed_verifier(&key).with_revocations(Arc::new(SlowRevocations)),
            ServiceCredential::new("between us".to_owned().into()),
        );
        let routes = move |config: &mut ServiceConfig| {
            config
                .app_data(Data::new(Arc::new(verifier.clone())))
                .route("/things/{number}", web::post().to(post_thing))
                .app_data(Data::new(credential.clone()))
                .route("/athlete", web::get().to(get_athlete))
                .route("/athlete", web::post().to(get_athlete))
                .route("/admin", web::get().to(get_admin))
                .route("/internal", web::post().to(post_internal));
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = http_kit::HttpServer::new(listener)
            .workers(1)
            .allowed_origins(vec!["https://pages.example".to_owned()])
            .start(&tasks, routes)
            .unwrap();
        let http = telemetry::http_client(Duration::from_secs(5)).unwrap();
        Self { base: format!("http://{}", server.address()), key, http, _tasks: tasks }
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.base))
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.base))
    }

    fn cookie(&self) -> String {
        format!("paceline_session={}", self.key.sign(&claims()))
    }
}

async fn status(request: reqwest::RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_missing_or_invalid_token_gets_a_problem_with_a_challenge() {
    let server = TestServer::start();
    let expired = server.key.sign(&claims_with("exp", json!(NOW - 1000)));
    let cases = [
        (server.get("/athlete"), "Bearer"),
        (server.get("/athlete").header("authorization", "Basic YTpi"), "Bearer"),
        (server.get("/athlete").bearer_auth("nonsense"), "Bearer error=\"invalid_token\""),
        (server.get("/athlete").bearer_auth(expired), "Bearer error=\"invalid_token\""),
    ];
    for (request, challenge) in cases {
        let response = request.send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["www-authenticate"]),
            (401, &challenge.parse().unwrap())
        );
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["type"], "https://paceline.dev/problems/unauthenticated");
    }
}

#[tokio::test]
async fn nothing_of_a_request_is_looked_at_before_the_caller_is_known() {
    let server = TestServer::start();
    let signed_out = server.key.sign(&claims_with("sub", json!(SIGNED_OUT)));
    let signed_in = server.key.sign(&claims());
    for (path, body, refusal) in [
        ("/things/1?number=1", json!({"number": "one"}), 422),
        ("/things/1?number=one", json!({"number": 1}), 422),
        ("/things/one?number=1", json!({"number": 1}), 404),
        ("/things/1?number=1", json!({"number": 1}), 200),
    ] {
        let request = |token: &str| server.post(path).bearer_auth(token).json(&body);
        assert_eq!(status(request(&signed_out)).await, 401, "{path} {body}");
        assert_eq!(status(request(&signed_in)).await, refusal, "{path} {body}");
    }
}

#[tokio::test]
async fn a_token_is_taken_from_the_header_or_the_cookie() {
    let server = TestServer::start();
    for request in [
        server.get("/athlete").bearer_auth(server.key.sign(&claims())),
        server.post("/athlete").bearer_auth(server.key.sign(&claims())),
        server.get("/athlete").header("cookie", server.cookie()),
    ] {
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), ATHLETE);
    }
}

#[tokio::test]
async fn a_write_from_another_site_needs_more_than_the_cookie() {
    let server = TestServer::start();
    let with_cookie = |name: &str, value: &str| {
        server.post("/athlete").header("cookie", server.cookie()).header(name, value)
    };

    assert_eq!(status(server.post("/athlete").header("cookie", server.cookie())).await, 403);
    for site in ["cross-site", "same-site", "none"] {
        assert_eq!(status(with_cookie("sec-fetch-site", site)).await, 403, "{site}");
    }
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(status(with_cookie("origin", origin)).await, 403, "{origin}");
    }
    assert_eq!(status(with_cookie("sec-fetch-site", "same-origin")).await, 200);
    assert_eq!(status(with_cookie("origin", &server.base)).await, 200);
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_writes_with_the_cookie_and_of_no_other() {
    let server = TestServer::start();
    for (origin, site, expected) in [
        ("https://pages.example", "same-site", 200),
        ("https://pages.example", "cross-site", 200),
        ("https://pages.example:444", "same-site", 403),
        ("http://pages.example", "same-site", 403),
        ("https://pages.example.evil.example", "cross-site", 403),
        ("https://PAGES.example", "same-site", 403),
        ("", "same-site", 403),
    ] {
        let request = server.post("/athlete").header("cookie", server.cookie());
        let request = request.header("origin", origin).header("sec-fetch-site", site);
        assert_eq!(status(request).await, expected, "{origin}");
    }
}

#[tokio::test]
async fn a_route_can_require_a_permission() {
    let server = TestServer::start();
    let as_member_of = |groups: Value| server.key.sign(&claims_with("cognito:groups", groups));

    assert_eq!(
        status(server.get("/admin").bearer_auth(as_member_of(json!(["Admin", "User"])))).await,
        200
    );
    for groups in [json!(["User"]), json!([]), json!(["admin"])] {
        assert_eq!(status(server.get("/admin").bearer_auth(as_member_of(groups))).await, 403);
    }
    assert_eq!(status(server.get("/admin")).await, 401);
}

#[tokio::test]
async fn internal_calls_need_the_service_credential() {
    let server = TestServer::start();

    assert_eq!(status(server.post("/internal").bearer_auth("between us")).await, 200);
    for wrong in ["between u", "between uss", "", "BETWEEN US"] {
        assert_eq!(status(server.post("/internal").bearer_auth(wrong)).await, 401, "{wrong:?}");
    }
    assert_eq!(status(server.post("/internal").bearer_auth(server.key.sign(&claims()))).await, 401);
    assert_eq!(status(server.post("/internal").header("cookie", server.cookie())).await, 401);
}

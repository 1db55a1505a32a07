//! The extractors behind a door.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Data, ServiceConfig};
use auth::{Admin, InternalCaller, Require, ServiceCredential, SignedIn};
use lifecycle::Tasks;
use serde_json::{Value, json};
use testkit::TokenSigner;

use crate::fixed;
use crate::issuer::{ATHLETE, NOW, claims, claims_with};

async fn who(athlete: SignedIn) -> String {
    athlete.athlete().to_string()
}

async fn admin(athlete: Require<Admin>) -> String {
    athlete.athlete().to_string()
}

async fn internal(_: InternalCaller) -> &'static str {
    "inside"
}

struct Host {
    base: String,
    key: TokenSigner,
    http: reqwest::Client,
    // Held so that the door stays open.
    _tasks: Tasks,
}

impl Host {
    fn open() -> Self {
        let (key, tasks) = (TokenSigner::generate("one"), Tasks::new());
        let (verifier, credential) =
            (fixed(&key), ServiceCredential::new("between us".to_owned().into()));
        let routes = move |config: &mut ServiceConfig| {
            config
                .app_data(Data::new(Arc::clone(&verifier)))
                .app_data(Data::new(credential.clone()))
                .route("/who", web::get().to(who))
                .route("/who", web::post().to(who))
                .route("/admin", web::get().to(admin))
                .route("/internal", web::post().to(internal));
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let door = http_kit::HttpServer::new(listener).workers(1).start(&tasks, routes).unwrap();
        let http = telemetry::http_client(Duration::from_secs(5)).unwrap();
        Self { base: format!("http://{}", door.address()), key, http, _tasks: tasks }
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
async fn whoever_is_not_signed_in_gets_a_problem_with_a_challenge() {
    let host = Host::open();
    let expired = host.key.sign(&claims_with("exp", json!(NOW - 1000)));
    let cases = [
        (host.get("/who"), "Bearer"),
        (host.get("/who").header("authorization", "Basic YTpi"), "Bearer"),
        (host.get("/who").bearer_auth("nonsense"), "Bearer error=\"invalid_token\""),
        (host.get("/who").bearer_auth(expired), "Bearer error=\"invalid_token\""),
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
async fn a_token_is_taken_from_the_header_or_the_cookie() {
    let host = Host::open();
    for request in [
        host.get("/who").bearer_auth(host.key.sign(&claims())),
        host.post("/who").bearer_auth(host.key.sign(&claims())),
        host.get("/who").header("cookie", host.cookie()),
    ] {
        assert_eq!(request.send().await.unwrap().text().await.unwrap(), ATHLETE);
    }
}

#[tokio::test]
async fn the_cookie_alone_changes_nothing_from_another_site() {
    let host = Host::open();
    let with_cookie = |name: &str, value: &str| {
        host.post("/who").header("cookie", host.cookie()).header(name, value)
    };

    assert_eq!(status(host.post("/who").header("cookie", host.cookie())).await, 403);
    for site in ["cross-site", "same-site", "none"] {
        assert_eq!(status(with_cookie("sec-fetch-site", site)).await, 403, "{site}");
    }
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        assert_eq!(status(with_cookie("origin", origin)).await, 403, "{origin}");
    }
    assert_eq!(status(with_cookie("sec-fetch-site", "same-origin")).await, 200);
    assert_eq!(status(with_cookie("origin", &host.base)).await, 200);
}

#[tokio::test]
async fn a_permission_is_asked_for_where_it_is_needed() {
    let host = Host::open();
    let as_member_of = |groups: Value| host.key.sign(&claims_with("cognito:groups", groups));

    assert_eq!(
        status(host.get("/admin").bearer_auth(as_member_of(json!(["Admin", "User"])))).await,
        200
    );
    for groups in [json!(["User"]), json!([]), json!(["admin"])] {
        assert_eq!(status(host.get("/admin").bearer_auth(as_member_of(groups))).await, 403);
    }
    assert_eq!(status(host.get("/admin")).await, 401);
}

#[tokio::test]
async fn internal_calls_need_the_service_credential_and_nothing_else_will_do() {
    let host = Host::open();

    assert_eq!(status(host.post("/internal").bearer_auth("between us")).await, 200);
    for wrong in ["between u", "between uss", "", "BETWEEN US"] {
        assert_eq!(status(host.post("/internal").bearer_auth(wrong)).await, 401, "{wrong:?}");
    }
    assert_eq!(status(host.post("/internal").bearer_auth(host.key.sign(&claims()))).await, 401);
    assert_eq!(status(host.post("/internal").header("cookie", host.cookie())).await, 401);
}

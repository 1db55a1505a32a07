//! Bad requests are refused and leave no trace.

use contracts::Topic;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use strava_sim::GUARDIAN_ID;
use testkit::eventually;

use crate::test_app::{Setup, TIMEOUT, TestApp, envelopes, issuer::Issuer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_webhook_is_refused_and_nothing_is_produced() {
    let mut app = TestApp::start(Setup::default()).await;
    let subscription = app.sim_get("webhooks/subscriptions").await[0].clone();
    let webhook = subscription["callback_url"].as_str().unwrap().to_owned();
    let event = |subscription: &Value| {
        json!({
            "object_type": "activity", "object_id": 1, "aspect_type": "create", "owner_id": GUARDIAN_ID,
            "subscription_id": subscription, "event_time": 1_700_000_000, "updates": {},
        })
    };
    let good = event(&subscription["id"]).to_string();
    let unknown = event(&json!(987_654)).to_string();
    let bodies: [(&str, String, u16); 6] = [
        ("no JSON", "{".to_owned(), 400),
        ("nothing", String::new(), 400),
        ("another shape", "[1, 2]".to_owned(), 400),
        ("no owner", good.replace("owner_id", "owner"), 400),
        ("an unknown subscription", unknown.clone(), 403),
        ("too much", format!("{{\"x\":\"{}\"}}", "x".repeat(100_000)), 413),
    ];

    // While a subscription is being made, one that is not known yet may be ours: then Strava must try again.
    eventually(TIMEOUT, "the subscription is made", async || {
        let status = app.http.post(&webhook).body(unknown.clone()).send().await.unwrap().status();
        if status == StatusCode::FORBIDDEN { Ok(()) } else { Err(status) }
    })
    .await;
    for (what, body, status) in bodies {
        let answer = app.http.post(&webhook).header("content-type", "application/json").body(body);
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{what}");
        is_problem(what, answer).await;
    }
    let elsewhere = webhook.rsplit_once('/').unwrap().0;
    for (address, status) in [(format!("{elsewhere}/guess"), 404), (elsewhere.to_owned(), 404)] {
        let answer = app.http.post(&address).body(good.clone()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{address}");
    }
    let challenge = format!("{webhook}?hub.mode=subscribe&hub.challenge=x&hub.verify_token=wrong");
    assert_eq!(app.http.get(challenge).send().await.unwrap().status(), StatusCode::FORBIDDEN);

    app.stop().await;
    assert!(envelopes(&app.records().await, Topic::StravaEvents).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_cannot_be_believed_gets_401_as_a_problem() {
    let issuer = Issuer::start().await;
    let setup = Setup::default()
        .set("PACELINE_AUTH__ISSUER", Issuer::NAME)
        .set("PACELINE_AUTH__JWKS_URL", &issuer.keys_url)
        .set("PACELINE_AUTH__CLIENTS", "web");
    let mut app = TestApp::start(setup).await;
    let now = kernel::Clock::now(&kernel::SystemClock::new()).as_secs();
    let good = json!({
        "sub": "0192f0a0-0000-7000-8000-000000000001", "iss": Issuer::NAME, "token_use": "access",
        "client_id": "web", "exp": now + 600, "iat": now,
    });
    let with = |field: &str, value: Value| {
        let mut claims = good.clone();
        claims[field] = value;
        claims
    };
    let tokens = [
        ("expired", issuer.sign(&with("exp", json!(now - 600)))),
        ("valid for two days", issuer.sign(&with("exp", json!(now + 172_800)))),
        ("wrong issuer", issuer.sign(&with("iss", json!("https://elsewhere.test")))),
        ("an id token", issuer.sign(&with("token_use", json!("id")))),
        ("another client's", issuer.sign(&with("client_id", json!("app")))),
        ("alg=none", Issuer::unsigned(&good)),
        ("alg=HS256 with the public key", issuer.signed_with_the_public_key(&good)),
        ("changed after signing", issuer.changed(&good)),
        ("another key's", Issuer::start().await.sign(&good)),
        ("no token at all", "nonsense".to_owned()),
    ];
    let try_get = async |token: &str| {
        let request = app.http.get(format!("{}/v1/me/connections", app.base));
        request.bearer_auth(token).send().await.unwrap()
    };

    assert_eq!(try_get(&issuer.sign(&good)).await.status(), StatusCode::OK);
    for (what, token) in tokens {
        let answer = try_get(&token).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{what}");
        assert!(answer.headers().contains_key("www-authenticate"), "{what}");
        is_problem(what, answer).await;
    }
    let nobody = app.http.get(format!("{}/v1/me/connections", app.base)).send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    is_problem("nobody", nobody).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_users_object_is_not_there() {
    let mut app = TestApp::start(Setup::default()).await;
    let [guardian, child] = app.guardian_and_child().await;
    let link = guardian.links(&child).await;
    app.record(GUARDIAN_ID, "Run with Milla").await;
    app.assert_copies(child.strava, &["Run with Milla".to_owned()]).await;
    let first =
        async |path: &str| guardian.get(path).await["items"][0]["id"].as_str().unwrap().to_owned();
    let activity = first("/v1/me/activities").await;
    let connection = first("/v1/me/connections").await;
    let copy = first("/v1/copies").await;
    let stranger = app.user("Stranger", 0).await;
    let nothing = "0192f0a0-0000-7000-8000-000000000009";

    let requests = [
        (Method::GET, format!("/v1/links/{link}")),
        (Method::DELETE, format!("/v1/links/{link}")),
        (Method::POST, format!("/v1/links/{link}/accept")),
        (Method::GET, format!("/v1/copies/{copy}")),
        (Method::GET, format!("/v1/me/activities/{activity}")),
        (Method::DELETE, format!("/v1/me/connections/{connection}")),
        (Method::GET, format!("/v1/links/{nothing}")),
    ];
    for (method, path) in requests {
        let answer = app.http.request(method, format!("{}{path}", app.base));
        let answer = answer.bearer_auth(&stranger.token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        is_problem(&path, answer).await;
    }
    // It is the guardian's as before.
    assert_eq!(guardian.get(&format!("/v1/links/{link}")).await["state"], "accepted");
    assert_eq!(guardian.connection().await["state"], "connected");
    for path in ["/v1/links", "/v1/copies", "/v1/me/activities", "/v1/me/connections"] {
        assert_eq!(stranger.get(path).await["items"], json!([]), "{path}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_range_group_or_sport_gets_422_that_names_the_field() {
    let mut app = TestApp::start(Setup::default()).await;
    let user = app.user("Ana", GUARDIAN_ID).await;

    for (query, field) in [
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("from=2026-02-01&to=2026-01-01", "to"),
        ("group=decade", "group"),
        ("sport=Flying", "sport"),
        ("group=day&from=1900-01-01&to=2026-01-01", "to"),
    ] {
        let (status, problem) = user.try_get(&format!("/v1/me/stats/summary?{query}")).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{query}: {problem}");
        assert_eq!(problem["errors"][0]["field"], field, "{query}: {problem}");
        assert!(problem["type"].as_str().unwrap().ends_with("/invalid-request"), "{problem}");
    }
    app.stop().await;
}

async fn is_problem(what: &str, answer: reqwest::Response) {
    let status = answer.status().as_u16();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/problem+json"), "{what}: {kind}");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], status, "{what}: {problem}");
    assert!(problem["type"].is_string() && problem["title"].is_string(), "{what}: {problem}");
}

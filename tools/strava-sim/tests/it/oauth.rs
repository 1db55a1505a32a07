//! Authorize, exchange, refresh, revoke.

use serde_json::{Value, json};
use strava_sim::{Consent, Options};

use crate::test_app::{ALL_SCOPES, ANA, MILLA, TestApp, send};

const CALLBACK: &str = "redirect_uri=http://localhost:3000/strava/cb";

#[tokio::test]
async fn a_grant_comes_back_with_code_scope_and_state() {
    let app = TestApp::start().await;
    let answer = app
        .authorize(&format!("{CALLBACK}&scope=activity:read_all,activity:write&state=x%20y"))
        .await;
    assert_eq!(answer.status, 302);
    let location = answer.header("location");
    assert!(location.starts_with("http://localhost:3000/strava/cb?state=x+y&code="), "{location}");
    assert!(
        location.ends_with("&scope=read%2Cactivity%3Aread_all%2Cactivity%3Awrite"),
        "{location}"
    );
    let bare = app.authorize(&format!("{CALLBACK}&scope=read")).await;
    assert!(bare.header("location").contains("cb?state=&code="), "{}", bare.header("location"));
}

#[tokio::test]
async fn authorize_checks_client_redirect_type_and_scope_in_this_order() {
    let app = TestApp::start().await;
    let authorize = async |query: &str| {
        send(app.client.get(app.url(&format!("/oauth/authorize?{query}")))).await
    };
    let unknown = authorize("client_id=77&redirect_uri=http://evil.example/").await;
    unknown.assert_fault(400, "Application client_id invalid");
    let outside = authorize("client_id=1&redirect_uri=http://evil.example/").await;
    outside.assert_fault(400, "Application redirect_uri invalid");
    let kind = authorize("client_id=1&redirect_uri=http://127.0.0.1/").await;
    kind.assert_fault(400, "Application response_type invalid");
    let scope = authorize(
        "client_id=1&redirect_uri=http://127.0.0.1/&response_type=code&scope=view_private",
    )
    .await;
    scope.assert_fault(400, "Application scope invalid");
}

#[tokio::test]
async fn a_refusal_comes_back_without_a_code() {
    let app = TestApp::start().await;
    app.admin_post("consent", json!({"mode": "refuse", "once": true})).await;
    let answer = app.authorize(&format!("{CALLBACK}&scope=read&state=s")).await;
    assert_eq!(
        answer.header("location"),
        "http://localhost:3000/strava/cb?state=s&error=access_denied"
    );
    let again = app.authorize(&format!("{CALLBACK}&scope=read&state=s")).await;
    assert!(again.header("location").contains("code="));
}

#[tokio::test]
async fn the_admin_says_who_consents_to_what() {
    let app = TestApp::start().await;
    app.admin_post(
        "consent",
        json!({"mode": "grant", "athlete": MILLA, "scopes": ["activity:read"]}),
    )
    .await;
    let answer = app.authorize(&format!("{CALLBACK}&scope=activity:read,activity:write")).await;
    let target = url::Url::parse(answer.header("location")).unwrap();
    let value =
        |key: &str| target.query_pairs().find(|(name, _)| name == key).unwrap().1.into_owned();
    assert_eq!(value("scope"), "read,activity:read");
    let token = app
        .request_token(&[("code", &value("code")), ("grant_type", "authorization_code")])
        .await
        .json();
    assert_eq!(token["athlete"]["id"], MILLA);
    assert_eq!(token["scope"], "read,activity:read");
}

#[tokio::test]
async fn a_person_can_untick_scopes_on_the_page() {
    let app = TestApp::start_with(Options { consent: Consent::Page, ..Options::default() }).await;
    let query = format!("{CALLBACK}&scope=activity:read_all,activity:write&state=%22%3E");
    let page = app.authorize(&query).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("value=\"activity:write\" checked") && page.text.contains("Milla Ruiz")
    );
    assert!(page.text.contains("value=\"&quot;&gt;\""), "the state must not break out of the form");
    let athlete = MILLA.to_string();
    let form = [
        ("client_id", "1"),
        ("redirect_uri", "http://localhost:3000/strava/cb"),
        ("response_type", "code"),
        ("scope", "activity:read_all,activity:write"),
        ("state", "s"),
        ("athlete", &athlete),
        ("granted", "activity:write"),
    ];
    let submit =
        |form: &[(&str, &str)]| send(app.client.post(app.url("/oauth/authorize")).form(form));
    let answer = submit(&form).await;
    let location = answer.header("location");
    assert!(location.ends_with("&scope=read%2Cactivity%3Awrite"), "{location}");
    let refused = [&form[..], &[("refuse", "1")]].concat();
    let answer = submit(&refused).await;
    assert!(answer.header("location").ends_with("state=s&error=access_denied"));
}

#[tokio::test]
async fn an_equal_earlier_grant_skips_the_page_unless_forced() {
    let app = TestApp::start().await;
    app.connect(ANA, "activity:read").await;
    app.admin_post("consent", json!({"mode": "page"})).await;
    let query = format!("{CALLBACK}&athlete={ANA}&scope=activity:read");
    assert_eq!(app.authorize(&query).await.status, 302);
    assert_eq!(app.authorize(&format!("{query}&approval_prompt=force")).await.status, 200);
    assert_eq!(app.authorize(&format!("{query},activity:write")).await.status, 200);
}

#[tokio::test]
async fn a_full_application_shows_an_html_403_before_any_redirect() {
    let app = TestApp::start().await;
    app.admin_post("apps", json!({"id": 1, "capacity": 1})).await;
    let first = app.connect(ANA, ALL_SCOPES).await;
    let full = app.authorize(&format!("{CALLBACK}&athlete={MILLA}&scope=read")).await;
    assert_eq!(full.status, 403);
    assert!(
        full.header("content-type").starts_with("text/html")
            && full.text.contains("Limit of connected athletes")
    );
    let access = first["access_token"].as_str().unwrap();
    send(app.client.post(app.url("/oauth/deauthorize")).bearer_auth(access)).await;
    assert_eq!(app.authorize(&format!("{CALLBACK}&athlete={MILLA}&scope=read")).await.status, 302);
}

#[tokio::test]
async fn a_code_works_once_and_ten_minutes() {
    let app = TestApp::start().await;
    let code = app.authorization_code(ANA, ALL_SCOPES).await;
    let fields = [("code", code.as_str()), ("grant_type", "authorization_code")];
    let first = app.request_token(&fields).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.json()["expires_in"], 21_600);
    assert_eq!(first.json()["athlete"]["firstname"], "Ana");
    let second = app.request_token(&fields).await;
    second.assert_fault(400, "AuthorizationCode code invalid");
    let late = app.authorization_code(ANA, ALL_SCOPES).await;
    app.advance_clock(601).await;
    let answer = app.request_token(&[("code", &late), ("grant_type", "authorization_code")]).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn unknown_clients_and_wrong_secrets_differ() {
    let app = TestApp::start().await;
    let call = async |id: &str, secret: &str| {
        let form = [("client_id", id), ("client_secret", secret), ("grant_type", "refresh_token")];
        send(app.client.post(app.url("/api/v3/oauth/token")).form(&form)).await
    };
    call("client-id", "x").await.assert_fault(400, "Application client_id invalid");
    call("1", "x").await.assert_fault(401, "Application  invalid");
}

#[tokio::test]
async fn with_more_than_an_hour_left_a_refresh_keeps_the_tokens() {
    let app = TestApp::start().await;
    let token = app.connect(ANA, ALL_SCOPES).await;
    app.advance_clock(7_200).await;
    let again = app.refresh(&token).await.json();
    assert_eq!(again["access_token"], token["access_token"]);
    assert_eq!(again["refresh_token"], token["refresh_token"]);
    assert_eq!(again["expires_at"], token["expires_at"]);
    let left = again["expires_in"].as_i64().unwrap();
    assert!((14_300..=14_400).contains(&left), "{left}");
    assert!(again.get("athlete").is_none());
}

#[tokio::test]
async fn with_an_hour_or_less_left_a_refresh_replaces_both_tokens() {
    let app = TestApp::start().await;
    let token = app.connect(ANA, ALL_SCOPES).await;
    app.advance_clock(21_600 - 3_600).await;
    let new = app.refresh(&token).await.json();
    assert_ne!(new["access_token"], token["access_token"]);
    assert_ne!(new["refresh_token"], token["refresh_token"]);
    let used = app.refresh(&token).await;
    used.assert_fault(400, "RefreshToken refresh_token invalid");
    let old = token["access_token"].as_str().unwrap();
    assert_eq!(
        app.get(old, "/athlete").await.status,
        200,
        "the old access token lives until it expires"
    );
    assert_eq!(app.refresh(&new).await.json()["access_token"], new["access_token"]);
    let counters = app.admin_get("counters").await;
    assert_eq!(counters["refreshes"], 3);
    assert_eq!(counters["new_access_tokens"], 1);
    assert_eq!(counters["refused_refreshes"], 1);
}

#[tokio::test]
async fn the_rotation_of_refresh_tokens_can_be_chosen() {
    let app = TestApp::start().await;
    let token = app.connect(ANA, ALL_SCOPES).await;
    app.admin_post("tokens/rotation", json!({"mode": "never"})).await;
    app.admin_post("tokens/expire", Value::Null).await;
    let refreshed = app.refresh(&token).await.json();
    assert_eq!(refreshed["refresh_token"], token["refresh_token"]);
    assert_ne!(refreshed["access_token"], token["access_token"]);
    app.admin_post("tokens/rotation", json!({"mode": "always"})).await;
    let rotated = app.refresh(&token).await.json();
    assert_ne!(rotated["refresh_token"], token["refresh_token"]);
    assert_eq!(rotated["access_token"], refreshed["access_token"]);
}

#[tokio::test]
async fn revoking_either_token_ends_both() {
    let app = TestApp::start().await;
    for field in ["access_token", "refresh_token"] {
        let token = app.connect(ANA, ALL_SCOPES).await;
        let revoke = app.client.post(app.url("/oauth/revoke")).basic_auth("1", Some("sim-secret"));
        let answer = send(revoke.form(&[("token", token[field].as_str().unwrap())])).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
        assert_eq!(app.get(token["access_token"].as_str().unwrap(), "/athlete").await.status, 401);
        assert_eq!(app.refresh(&token).await.status, 400);
    }
    let revoke = |secret: &str, fields: &[(&str, &str)]| {
        send(app.client.post(app.url("/oauth/revoke")).basic_auth("1", Some(secret)).form(fields))
    };
    assert_eq!(revoke("sim-secret", &[("token", "unknown")]).await.status, 200);
    assert_eq!(revoke("sim-secret", &[]).await.status, 400);
    let wrong = revoke("wrong", &[("token", "unknown")]).await;
    assert_eq!(wrong.json(), json!({"message": "Authorization Error", "errors": []}));
}

#[tokio::test]
async fn the_settings_page_withdraws_access() {
    let app = TestApp::start().await;
    let token = app.connect(MILLA, ALL_SCOPES).await;
    let ended = app.admin_post(&format!("athletes/{MILLA}/disconnect"), Value::Null).await;
    assert_eq!(ended["disconnected"], 1);
    assert_eq!(app.get(token["access_token"].as_str().unwrap(), "/athlete").await.status, 401);
    let again = app.admin_post(&format!("athletes/{MILLA}/disconnect"), Value::Null).await;
    assert_eq!(again["disconnected"], 0);
}

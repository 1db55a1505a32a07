//! Authorize, exchange, refresh, revoke.

use reqwest::Method;
use serde_json::{Value, json};
use strava_sim::{Consent, Options};

use crate::harness::{ALL, ANA, Answer, MILLA, World};

const CALLBACK: &str = "redirect_uri=http://localhost:3000/strava/cb";

#[tokio::test]
async fn a_grant_comes_back_with_code_scope_and_state() {
    let world = World::start().await;
    let answer = world
        .authorize(&format!("{CALLBACK}&scope=activity:read_all,activity:write&state=x%20y"))
        .await;
    assert_eq!(answer.status, 302);
    let location = answer.header("location");
    assert!(location.starts_with("http://localhost:3000/strava/cb?state=x+y&code="), "{location}");
    assert!(
        location.ends_with("&scope=read%2Cactivity%3Aread_all%2Cactivity%3Awrite"),
        "{location}"
    );
    let bare = world.authorize(&format!("{CALLBACK}&scope=read")).await;
    assert!(bare.header("location").contains("cb?state=&code="), "{}", bare.header("location"));
}

#[tokio::test]
async fn authorize_checks_client_redirect_type_and_scope_in_this_order() {
    let world = World::start().await;
    let try_it = async |query: &str| {
        let url = world.url(&format!("/oauth/authorize?{query}"));
        Answer::of(world.client.get(url).send().await.unwrap()).await
    };
    let unknown = try_it("client_id=77&redirect_uri=http://evil.example/").await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.fault().as_str()),
        (400, "Application client_id invalid")
    );
    let outside = try_it("client_id=1&redirect_uri=http://evil.example/").await;
    assert_eq!(
        (outside.status.as_u16(), outside.fault().as_str()),
        (400, "Application redirect_uri invalid")
    );
    let kind = try_it("client_id=1&redirect_uri=http://127.0.0.1/").await;
    assert_eq!(kind.fault(), "Application response_type invalid");
    let scope =
        try_it("client_id=1&redirect_uri=http://127.0.0.1/&response_type=code&scope=view_private")
            .await;
    assert_eq!(scope.fault(), "Application scope invalid");
}

#[tokio::test]
async fn a_refusal_comes_back_without_a_code() {
    let world = World::start().await;
    world.post("consent", json!({"mode": "refuse", "once": true})).await;
    let answer = world.authorize(&format!("{CALLBACK}&scope=read&state=s")).await;
    assert_eq!(
        answer.header("location"),
        "http://localhost:3000/strava/cb?state=s&error=access_denied"
    );
    let again = world.authorize(&format!("{CALLBACK}&scope=read&state=s")).await;
    assert!(again.header("location").contains("code="));
}

#[tokio::test]
async fn the_admin_says_who_consents_to_what() {
    let world = World::start().await;
    world
        .post("consent", json!({"mode": "grant", "athlete": MILLA, "scopes": ["activity:read"]}))
        .await;
    let answer = world.authorize(&format!("{CALLBACK}&scope=activity:read,activity:write")).await;
    let target = url::Url::parse(answer.header("location")).unwrap();
    let value =
        |key: &str| target.query_pairs().find(|(name, _)| name == key).unwrap().1.into_owned();
    assert_eq!(value("scope"), "read,activity:read");
    let token = world
        .token_call(&[("code", &value("code")), ("grant_type", "authorization_code")])
        .await
        .json();
    assert_eq!(token["athlete"]["id"], MILLA);
    assert_eq!(token["scope"], "read,activity:read");
}

#[tokio::test]
async fn a_person_can_untick_scopes_on_the_page() {
    let world = World::with(Options { consent: Consent::Page, ..Options::default() }).await;
    let query = format!("{CALLBACK}&scope=activity:read_all,activity:write&state=%22%3E");
    let page = world.authorize(&query).await;
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
        |form: &[(&str, &str)]| world.client.post(world.url("/oauth/authorize")).form(form).send();
    let answer = Answer::of(submit(&form).await.unwrap()).await;
    assert!(
        answer.header("location").ends_with("&scope=read%2Cactivity%3Awrite"),
        "{}",
        answer.header("location")
    );
    let refused = [&form[..], &[("refuse", "1")]].concat();
    let answer = Answer::of(submit(&refused).await.unwrap()).await;
    assert!(answer.header("location").ends_with("state=s&error=access_denied"));
}

#[tokio::test]
async fn an_equal_earlier_grant_skips_the_page_unless_forced() {
    let world = World::start().await;
    world.connect(ANA, "activity:read").await;
    world.post("consent", json!({"mode": "page"})).await;
    let query = format!("{CALLBACK}&athlete={ANA}&scope=activity:read");
    assert_eq!(world.authorize(&query).await.status, 302);
    assert_eq!(world.authorize(&format!("{query}&approval_prompt=force")).await.status, 200);
    assert_eq!(world.authorize(&format!("{query},activity:write")).await.status, 200);
}

#[tokio::test]
async fn a_full_application_shows_an_html_403_before_any_redirect() {
    let world = World::start().await;
    world.post("apps", json!({"id": 1, "capacity": 1})).await;
    let first = world.connect(ANA, ALL).await;
    let full = world.authorize(&format!("{CALLBACK}&athlete={MILLA}&scope=read")).await;
    assert_eq!(full.status, 403);
    assert!(
        full.header("content-type").starts_with("text/html")
            && full.text.contains("Limit of connected athletes")
    );
    let access = first["access_token"].as_str().unwrap();
    world.client.post(world.url("/oauth/deauthorize")).bearer_auth(access).send().await.unwrap();
    assert_eq!(
        world.authorize(&format!("{CALLBACK}&athlete={MILLA}&scope=read")).await.status,
        302
    );
}

#[tokio::test]
async fn a_code_works_once_and_ten_minutes() {
    let world = World::start().await;
    let code = world.code(ANA, ALL).await;
    let fields = [("code", code.as_str()), ("grant_type", "authorization_code")];
    let first = world.token_call(&fields).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.json()["expires_in"], 21_600);
    assert_eq!(first.json()["athlete"]["firstname"], "Ana");
    let second = world.token_call(&fields).await;
    assert_eq!(
        (second.status.as_u16(), second.fault().as_str()),
        (400, "AuthorizationCode code invalid")
    );
    let late = world.code(ANA, ALL).await;
    world.advance(601).await;
    let answer = world.token_call(&[("code", &late), ("grant_type", "authorization_code")]).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn unknown_clients_and_wrong_secrets_are_told_apart() {
    let world = World::start().await;
    let call = async |id: &str, secret: &str| {
        let form = [("client_id", id), ("client_secret", secret), ("grant_type", "refresh_token")];
        Answer::of(
            world.client.post(world.url("/api/v3/oauth/token")).form(&form).send().await.unwrap(),
        )
        .await
    };
    let unknown = call("client-id", "x").await;
    assert_eq!(
        (unknown.status.as_u16(), unknown.fault().as_str()),
        (400, "Application client_id invalid")
    );
    let wrong = call("1", "x").await;
    assert_eq!((wrong.status.as_u16(), wrong.fault().as_str()), (401, "Application  invalid"));
}

#[tokio::test]
async fn with_more_than_an_hour_left_a_refresh_answers_with_the_same_tokens() {
    let world = World::start().await;
    let token = world.connect(ANA, ALL).await;
    world.advance(7_200).await;
    let again = world.refresh(&token).await.json();
    assert_eq!(again["access_token"], token["access_token"]);
    assert_eq!(again["refresh_token"], token["refresh_token"]);
    assert_eq!(again["expires_at"], token["expires_at"]);
    let left = again["expires_in"].as_i64().unwrap();
    assert!((14_300..=14_400).contains(&left), "{left}");
    assert!(again.get("athlete").is_none());
}

#[tokio::test]
async fn with_an_hour_or_less_left_a_refresh_makes_new_tokens_and_the_old_refresh_token_is_dead() {
    let world = World::start().await;
    let token = world.connect(ANA, ALL).await;
    world.advance(21_600 - 3_600).await;
    let new = world.refresh(&token).await.json();
    assert_ne!(new["access_token"], token["access_token"]);
    assert_ne!(new["refresh_token"], token["refresh_token"]);
    let used = world.refresh(&token).await;
    assert_eq!(
        (used.status.as_u16(), used.fault().as_str()),
        (400, "RefreshToken refresh_token invalid")
    );
    let old = token["access_token"].as_str().unwrap();
    assert_eq!(
        world.get(old, "/athlete").await.status,
        200,
        "the old access token lives until it expires"
    );
    assert_eq!(world.refresh(&new).await.json()["access_token"], new["access_token"]);
    let counters = world.read("counters").await;
    assert_eq!(counters["refreshes"], 3);
    assert_eq!(counters["new_access_tokens"], 1);
    assert_eq!(counters["refused_refreshes"], 1);
}

#[tokio::test]
async fn the_rotation_of_refresh_tokens_can_be_chosen() {
    let world = World::start().await;
    let token = world.connect(ANA, ALL).await;
    world.post("tokens/rotation", json!({"mode": "never"})).await;
    world.post("tokens/expire", Value::Null).await;
    let kept = world.refresh(&token).await.json();
    assert_eq!(kept["refresh_token"], token["refresh_token"]);
    assert_ne!(kept["access_token"], token["access_token"]);
    world.post("tokens/rotation", json!({"mode": "always"})).await;
    let rotated = world.refresh(&token).await.json();
    assert_ne!(rotated["refresh_token"], token["refresh_token"]);
    assert_eq!(rotated["access_token"], kept["access_token"]);
}

#[tokio::test]
async fn revoking_either_token_ends_both() {
    let world = World::start().await;
    for field in ["access_token", "refresh_token"] {
        let token = world.connect(ANA, ALL).await;
        let revoke =
            world.client.post(world.url("/oauth/revoke")).basic_auth("1", Some("sim-secret"));
        let answer = Answer::of(
            revoke.form(&[("token", token[field].as_str().unwrap())]).send().await.unwrap(),
        )
        .await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""));
        assert_eq!(
            world.get(token["access_token"].as_str().unwrap(), "/athlete").await.status,
            401
        );
        assert_eq!(world.refresh(&token).await.status, 400);
    }
    let revoke = |secret: &str, fields: &[(&str, &str)]| {
        world
            .client
            .post(world.url("/oauth/revoke"))
            .basic_auth("1", Some(secret))
            .form(fields)
            .send()
    };
    assert_eq!(revoke("sim-secret", &[("token", "unknown")]).await.unwrap().status(), 200);
    assert_eq!(revoke("sim-secret", &[]).await.unwrap().status(), 400);
    let wrong = Answer::of(revoke("wrong", &[("token", "unknown")]).await.unwrap()).await;
    assert_eq!(wrong.json(), json!({"message": "Authorization Error", "errors": []}));
}

#[tokio::test]
async fn the_settings_page_takes_access_away() {
    let world = World::start().await;
    let token = world.connect(MILLA, ALL).await;
    let ended = world.post(&format!("athletes/{MILLA}/disconnect"), Value::Null).await;
    assert_eq!(ended["disconnected"], 1);
    assert_eq!(world.get(token["access_token"].as_str().unwrap(), "/athlete").await.status, 401);
    let again = world
        .admin(Method::POST, &format!("athletes/{MILLA}/disconnect"), Value::Null)
        .await
        .json();
    assert_eq!(again["disconnected"], 0);
}

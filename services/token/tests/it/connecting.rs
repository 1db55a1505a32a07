//! From the consent page to a connection, and every way it may not end there.

use std::time::Duration;

use contracts::athletes::ConnectionState;
use strava_client::lease::{DenialReason, LeaseError, Purpose};
use testkit::TestDatabase;
use url::Url;

use crate::test_app::{CHILD, GUARDIAN, StartOptions, TestApp, TestResponse, new_athlete};

#[tokio::test(flavor = "multi_thread")]
async fn an_athlete_connects_and_it_is_published() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();

        let generation = app.connect(athlete, GUARDIAN).await;

        let seen = app.fetch_connection(athlete).await;
        assert_eq!(
            (seen["state"].as_str(), seen["strava_athlete"].as_i64()),
            (Some("connected"), Some(GUARDIAN))
        );
        let published =
            testkit::eventually(Duration::from_secs(5), "it is published", async || {
                let published = app.published_connections().await;
                if published.len() == 1 { Ok(published) } else { Err(published.len()) }
            })
            .await;
        let (envelope, revision, connection) = &published[0];
        assert_eq!(envelope.athlete, Some(athlete));
        assert_eq!(
            (connection.generation, connection.state()),
            (generation.get(), ConnectionState::Connected)
        );
        assert_eq!(connection.scopes, ["activity:read_all", "activity:write", "read"]);
        assert!(*revision > 0);
        let lease = app.request_lease(athlete, generation, Purpose::Login).await.unwrap();
        assert_eq!(
            app.strava.get_athlete(&lease.access_token).await.unwrap().body.id.get(),
            GUARDIAN
        );
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consent_page_gets_an_encoded_redirect_and_scopes_joined_by_commas() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let begun = app.call_as("GET", "/strava/authorize", new_athlete()).await;
    assert_eq!(begun.status, 307);
    let page = begun.location.unwrap();
    let encoded: String =
        url::form_urlencoded::byte_serialize(format!("{}/strava/callback", app.base).as_bytes())
            .collect();
    assert!(page.query().unwrap().contains(&format!("redirect_uri={encoded}")), "{page}");
    let scope = page.query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned();
    assert_eq!(scope, "read,activity:read_all");
    let nobody = TestResponse::read(
        app.http.get(format!("{}/strava/authorize", app.base)).send().await.unwrap(),
    )
    .await;
    assert_eq!(nobody.status, 401);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_works_once() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        let back = app.give_consent(athlete, GUARDIAN, "").await;
        assert_eq!(app.follow_redirect(back.clone()).await.outcome(), "strava=success");
        assert_eq!(app.follow_redirect(back).await.outcome(), "strava=error&reason=state");
        assert_eq!(app.sim_counter("/exchanges").await, 1);
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_lasts_ten_minutes() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let back = app.give_consent(athlete, GUARDIAN, "").await;
    app.advance_clocks(Duration::from_secs(601)).await;
    assert_eq!(app.follow_redirect(back).await.outcome(), "strava=error&reason=state");
    assert!(app.fetch_connection(athlete).await.is_null());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_worth_nothing_to_another_user() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let (attacker, victim) = (new_athlete(), new_athlete());
    let back = app.give_consent(attacker, GUARDIAN, "").await;
    let path = format!("{}?{}", back.path(), back.query().unwrap());
    let ended = app.call_as("GET", &path, victim).await;
    assert_eq!(ended.outcome(), "strava=error&reason=state");
    assert!(
        app.fetch_connection(attacker).await.is_null()
            && app.fetch_connection(victim).await.is_null()
    );
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_a_browser_got_is_worth_nothing_in_another_browser_and_is_not_used_up_there() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let session = format!("{}={}", auth::SESSION_COOKIE, app.bearer(athlete));
    let begin = async || {
        let request =
            app.http.get(format!("{}/strava/authorize", app.base)).header("cookie", &session);
        TestResponse::read(request.send().await.unwrap()).await
    };
    let begun = begin().await;
    let back = app.pass_consent_page(begun.location.unwrap().as_str(), GUARDIAN).await;
    let elsewhere = app.follow_redirect(back.clone()).await;
    assert_eq!(elsewhere.outcome(), "strava=error&reason=state");
    assert_eq!(elsewhere.cookie, None, "it ends nothing that another browser began");
    let path = format!("{}?{}", back.path(), back.query().unwrap());
    let another = app.call_as("GET", &path, new_athlete()).await;
    assert_eq!(another.outcome(), "strava=error&reason=state");
    assert_eq!(another.cookie, None);

    let request = app.http.get(back).header("cookie", begun.cookie.unwrap());
    assert_eq!(TestResponse::read(request.send().await.unwrap()).await.outcome(), "strava=success");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_may_refuse_a_scripts_state_where_nobody_is_signed_in() {
    let mut options = StartOptions::default();
    options.settings.script_connects = Some(false);
    let app = TestApp::new(TestDatabase::sqlite()).await.restart(options).await;
    let athlete = new_athlete();
    let back = app.give_consent(athlete, GUARDIAN, "").await;
    assert_eq!(app.follow_redirect(back).await.outcome(), "strava=error&reason=state");
    assert!(app.fetch_connection(athlete).await.is_null());

    let back = app.give_consent(athlete, GUARDIAN, "").await;
    let path = format!("{}?{}", back.path(), back.query().unwrap());
    assert_eq!(app.call_as("GET", &path, athlete).await.outcome(), "strava=success");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_reported_as_one() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    app.control_sim("consent", serde_json::json!({"mode": "refuse"})).await;
    let back = app.give_consent(athlete, GUARDIAN, "").await;
    assert_eq!(app.follow_redirect(back).await.outcome(), "strava=denied");
    assert!(app.fetch_connection(athlete).await.is_null());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_scopes_are_reported_and_lend_nothing_they_do_not_cover() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let (reader, nothing) = (new_athlete(), new_athlete());
    app.control_sim(
        "consent",
        serde_json::json!({"mode": "grant", "scopes": ["read", "activity:read_all"]}),
    )
    .await;
    let back = app.give_consent(reader, GUARDIAN, "?write=1").await;
    assert_eq!(app.follow_redirect(back).await.outcome(), "strava=scope");
    let generation = app.fetch_generation(reader).await;
    assert!(app.request_lease(reader, generation, Purpose::Live).await.is_ok());
    let mut upload = crate::test_app::lease_request(reader, generation, Purpose::Copy, "up");
    upload.writes = 1;
    assert_eq!(
        app.leases.request_lease(&upload).await.unwrap_err(),
        LeaseError::Denied(DenialReason::ScopeMissing)
    );

    app.control_sim("consent", serde_json::json!({"mode": "grant", "scopes": ["read"]})).await;
    let back = app.give_consent(nothing, CHILD, "").await;
    assert_eq!(app.follow_redirect(back).await.outcome(), "strava=scope");
    let generation = app.fetch_generation(nothing).await;
    let refused = app.request_lease(nothing, generation, Purpose::Live).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::ScopeMissing));
    app.wait_for_state(nothing, "reconnect-needed", "scope-missing").await;
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_strava_does_not_exchange_ends_in_an_error() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let mut back = app.give_consent(athlete, GUARDIAN, "").await;
    let state = back.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    back.query_pairs_mut().clear().append_pair("state", &state).append_pair("code", "made-up");
    assert_eq!(app.follow_redirect(back).await.outcome(), "strava=error&reason=exchange");

    let back = app.give_consent(athlete, GUARDIAN, "").await;
    app.control_sim(
        "faults",
        serde_json::json!({"endpoint": "* /oauth/token", "kind": "server_error", "count": 1}),
    )
    .await;
    assert_eq!(app.follow_redirect(back).await.outcome(), "strava=error&reason=exchange");
    assert!(app.fetch_connection(athlete).await.is_null());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_without_code_or_state_names_what_is_missing() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    for (query, field) in [("?state=x", "code"), ("?code=x", "state"), ("", "state")] {
        let url = Url::parse(&format!("{}/callback{query}", app.base)).unwrap();
        let answer = app.follow_redirect(url).await;
        assert_eq!(
            (answer.status, answer.json()["errors"][0]["field"].as_str()),
            (422, Some(field))
        );
    }
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strava_athlete_belongs_to_one_account_that_loses_nothing() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let (owner, other) = (new_athlete(), new_athlete());
        let generation = app.connect(owner, GUARDIAN).await;
        let back = app.give_consent(other, GUARDIAN, "?write=1").await;
        assert_eq!(app.follow_redirect(back).await.outcome(), "strava=error&reason=taken");
        assert!(app.fetch_connection(other).await.is_null());

        // The exchange ended the owner's refresh token at Strava; the new one is theirs.
        app.advance_clocks(Duration::from_hours(7)).await;
        let lease = app.request_lease(owner, generation, Purpose::Live).await.unwrap();
        assert!(app.strava.get_athlete(&lease.access_token).await.is_ok());

        let back = app.give_consent(owner, CHILD, "").await;
        assert_eq!(app.follow_redirect(back).await.outcome(), "strava=error&reason=taken");
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconnect_is_a_new_generation_and_the_old_one_gets_nothing() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let first = app.connect(athlete, GUARDIAN).await;
    let second = app.connect(athlete, GUARDIAN).await;
    assert!(second > first);
    let refused = app.request_lease(athlete, first, Purpose::Live).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::Disconnected));
    assert!(app.request_lease(athlete, second, Purpose::Live).await.is_ok());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_athletes_connection_is_not_there() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let (owner, other) = (new_athlete(), new_athlete());
    app.connect(owner, GUARDIAN).await;
    let id = app.fetch_connection(owner).await["id"].as_str().unwrap().to_owned();
    assert_eq!(app.call_as("DELETE", &format!("/v1/me/connections/{id}"), other).await.status, 404);
    assert_eq!(app.fetch_connection(owner).await["state"], "connected");
    app.shut_down().await;
}

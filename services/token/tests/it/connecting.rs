//! From the consent page to a connection, and every way it may not end there.

use std::time::Duration;

use contracts::athletes::ConnectionState;
use strava_client::lease::{DenialReason, LeaseError, Purpose};
use testkit::TestDatabase;
use url::Url;

use crate::world::{Answer, CHILD, GUARDIAN, Start, World, new_athlete};

#[tokio::test(flavor = "multi_thread")]
async fn an_athlete_connects_and_everybody_is_told() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let athlete = new_athlete();

        let generation = world.connect(athlete, GUARDIAN).await;

        let seen = world.connection(athlete).await;
        assert_eq!(
            (seen["state"].as_str(), seen["strava_athlete"].as_i64()),
            (Some("connected"), Some(GUARDIAN))
        );
        let told = testkit::eventually(Duration::from_secs(5), "it is told", async || {
            let told = world.told().await;
            if told.len() == 1 { Ok(told) } else { Err(told.len()) }
        })
        .await;
        let (envelope, revision, connection) = &told[0];
        assert_eq!(envelope.athlete, Some(athlete));
        assert_eq!(
            (connection.generation, connection.state()),
            (generation.get(), ConnectionState::Connected)
        );
        assert_eq!(connection.scopes, ["activity:read_all", "activity:write", "read"]);
        assert!(*revision > 0);
        let lease = world.lease(athlete, generation, Purpose::Login).await.unwrap();
        assert_eq!(
            world.strava.get_athlete(&lease.access_token).await.unwrap().body.id.get(),
            GUARDIAN
        );
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_consent_page_gets_an_encoded_way_back_and_the_scopes_joined_by_commas() {
    let world = World::new(TestDatabase::sqlite()).await;
    let begun = world.call("GET", "/strava/authorize", new_athlete()).await;
    assert_eq!(begun.status, 307);
    let page = begun.location.unwrap();
    let encoded: String =
        url::form_urlencoded::byte_serialize(format!("{}/strava/callback", world.base).as_bytes())
            .collect();
    assert!(page.query().unwrap().contains(&format!("redirect_uri={encoded}")), "{page}");
    let scope = page.query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned();
    assert_eq!(scope, "read,activity:read_all");
    let nobody = Answer::of(
        world.http.get(format!("{}/strava/authorize", world.base)).send().await.unwrap(),
    )
    .await;
    assert_eq!(nobody.status, 401);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_works_once() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let athlete = new_athlete();
        let back = world.consent(athlete, GUARDIAN, "").await;
        assert_eq!(world.come_back(back.clone()).await.ending(), "strava=success");
        assert_eq!(world.come_back(back).await.ending(), "strava=error&reason=state");
        assert_eq!(world.counted("/exchanges").await, 1);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_lasts_ten_minutes() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let back = world.consent(athlete, GUARDIAN, "").await;
    world.later(Duration::from_secs(601)).await;
    assert_eq!(world.come_back(back).await.ending(), "strava=error&reason=state");
    assert!(world.connection(athlete).await.is_null());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_worth_nothing_to_another_user() {
    let world = World::new(TestDatabase::sqlite()).await;
    let (attacker, victim) = (new_athlete(), new_athlete());
    let back = world.consent(attacker, GUARDIAN, "").await;
    let path = format!("{}?{}", back.path(), back.query().unwrap());
    let ended = world.call("GET", &path, victim).await;
    assert_eq!(ended.ending(), "strava=error&reason=state");
    assert!(world.connection(attacker).await.is_null() && world.connection(victim).await.is_null());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_a_browser_got_is_worth_nothing_in_another_browser() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let session = format!("{}={}", auth::SESSION_COOKIE, world.bearer(athlete));
    let begin = async || {
        let request =
            world.http.get(format!("{}/strava/authorize", world.base)).header("cookie", &session);
        Answer::of(request.send().await.unwrap()).await
    };
    let begun = begin().await;
    let back = world.through(begun.location.unwrap().as_str(), GUARDIAN).await;
    assert_eq!(world.come_back(back).await.ending(), "strava=error&reason=state");

    let begun = begin().await;
    let back = world.through(begun.location.unwrap().as_str(), GUARDIAN).await;
    let request = world.http.get(back).header("cookie", begun.cookie.unwrap());
    assert_eq!(Answer::of(request.send().await.unwrap()).await.ending(), "strava=success");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scripts_state_is_worth_nothing_where_nobody_is_signed_in_if_the_operator_says_so() {
    let mut start = Start::default();
    start.settings.script_connects = false;
    let world = World::new(TestDatabase::sqlite()).await.restarted(start).await;
    let athlete = new_athlete();
    let back = world.consent(athlete, GUARDIAN, "").await;
    assert_eq!(world.come_back(back).await.ending(), "strava=error&reason=state");
    assert!(world.connection(athlete).await.is_null());

    let back = world.consent(athlete, GUARDIAN, "").await;
    let path = format!("{}?{}", back.path(), back.query().unwrap());
    assert_eq!(world.call("GET", &path, athlete).await.ending(), "strava=success");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_as_one() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    world.sim("consent", serde_json::json!({"mode": "refuse"})).await;
    let back = world.consent(athlete, GUARDIAN, "").await;
    assert_eq!(world.come_back(back).await.ending(), "strava=denied");
    assert!(world.connection(athlete).await.is_null());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_granted_is_told_and_lends_nothing_it_does_not_cover() {
    let world = World::new(TestDatabase::sqlite()).await;
    let (reader, nothing) = (new_athlete(), new_athlete());
    world
        .sim(
            "consent",
            serde_json::json!({"mode": "grant", "scopes": ["read", "activity:read_all"]}),
        )
        .await;
    let back = world.consent(reader, GUARDIAN, "?write=1").await;
    assert_eq!(world.come_back(back).await.ending(), "strava=scope");
    let generation = world.generation(reader).await;
    assert!(world.lease(reader, generation, Purpose::Live).await.is_ok());
    let mut upload = crate::world::request(reader, generation, Purpose::Copy, "up");
    upload.writes = 1;
    assert_eq!(
        world.leases.request_lease(&upload).await.unwrap_err(),
        LeaseError::Denied(DenialReason::ScopeMissing)
    );

    world.sim("consent", serde_json::json!({"mode": "grant", "scopes": ["read"]})).await;
    let back = world.consent(nothing, CHILD, "").await;
    assert_eq!(world.come_back(back).await.ending(), "strava=scope");
    let generation = world.generation(nothing).await;
    let refused = world.lease(nothing, generation, Purpose::Live).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::ScopeMissing));
    world.until(nothing, "reconnect-needed", "scope-missing").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_strava_does_not_exchange_ends_in_an_error() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let mut back = world.consent(athlete, GUARDIAN, "").await;
    let state = back.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    back.query_pairs_mut().clear().append_pair("state", &state).append_pair("code", "made-up");
    assert_eq!(world.come_back(back).await.ending(), "strava=error&reason=exchange");

    let back = world.consent(athlete, GUARDIAN, "").await;
    world
        .sim(
            "faults",
            serde_json::json!({"endpoint": "* /oauth/token", "kind": "server_error", "count": 1}),
        )
        .await;
    assert_eq!(world.come_back(back).await.ending(), "strava=error&reason=exchange");
    assert!(world.connection(athlete).await.is_null());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_without_code_or_state_names_what_is_missing() {
    let world = World::new(TestDatabase::sqlite()).await;
    for (query, field) in [("?state=x", "code"), ("?code=x", "state"), ("", "state")] {
        let url = Url::parse(&format!("{}/callback{query}", world.base)).unwrap();
        let answer = world.come_back(url).await;
        assert_eq!(
            (answer.status, answer.json()["errors"][0]["field"].as_str()),
            (422, Some(field))
        );
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strava_athlete_belongs_to_one_account_and_loses_nothing_by_the_attempt() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let (owner, other) = (new_athlete(), new_athlete());
        let generation = world.connect(owner, GUARDIAN).await;
        let back = world.consent(other, GUARDIAN, "?write=1").await;
        assert_eq!(world.come_back(back).await.ending(), "strava=error&reason=taken");
        assert!(world.connection(other).await.is_null());

        // The exchange ended the owner's refresh token at Strava; the new one is theirs.
        world.later(Duration::from_hours(7)).await;
        let lease = world.lease(owner, generation, Purpose::Live).await.unwrap();
        assert!(world.strava.get_athlete(&lease.access_token).await.is_ok());

        let back = world.consent(owner, CHILD, "").await;
        assert_eq!(world.come_back(back).await.ending(), "strava=error&reason=taken");
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconnect_is_a_new_generation_and_the_old_one_gets_nothing() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let first = world.connect(athlete, GUARDIAN).await;
    let second = world.connect(athlete, GUARDIAN).await;
    assert!(second > first);
    let refused = world.lease(athlete, first, Purpose::Live).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::Disconnected));
    assert!(world.lease(athlete, second, Purpose::Live).await.is_ok());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_athletes_connection_is_not_there() {
    let world = World::new(TestDatabase::sqlite()).await;
    let (owner, other) = (new_athlete(), new_athlete());
    world.connect(owner, GUARDIAN).await;
    let id = world.connection(owner).await["id"].as_str().unwrap().to_owned();
    assert_eq!(world.call("DELETE", &format!("/v1/me/connections/{id}"), other).await.status, 404);
    assert_eq!(world.connection(owner).await["state"], "connected");
    world.end().await;
}

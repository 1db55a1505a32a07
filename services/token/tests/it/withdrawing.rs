//! The end of access: true hints, forged hints, and the athlete's own wish.

use std::time::Duration;

use contracts::athletes::ConnectionState;
use lifecycle::Failpoints;
use serde_json::json;
use strava_client::lease::{DenialReason, LeaseError, Purpose};
use testkit::TestDatabase;

use crate::world::{GUARDIAN, Start, World, new_athlete, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_deauthorization_changes_nothing() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    world.hint_of_withdrawal(GUARDIAN).await;
    world.hint_of_withdrawal(99).await;
    testkit::eventually(Duration::from_secs(10), "the hint is checked", async || {
        let refreshes = world.counted("/refreshes").await;
        let open =
            world.database.number("SELECT COUNT(*) FROM connection WHERE hinted_at_us > 0").await;
        if (refreshes, open) == (1, 0) { Ok(()) } else { Err((refreshes, open)) }
    })
    .await;
    assert_eq!(world.connection(athlete).await["state"], "connected");
    assert!(world.lease(athlete, generation, Purpose::Live).await.is_ok());
    assert_eq!(world.told().await.len(), 1, "the connect");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_deauthorization_stops_leases_and_is_told() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let athlete = new_athlete();
        let generation = world.connect(athlete, GUARDIAN).await;
        world.sim(&format!("athletes/{GUARDIAN}/disconnect"), json!({"app": 1})).await;
        world.hint_of_withdrawal(GUARDIAN).await;
        world.until(athlete, "disconnected", "withdrawn").await;

        let refused = world.lease(athlete, generation, Purpose::Login).await.unwrap_err();
        assert_eq!(refused, LeaseError::Denied(DenialReason::Disconnected));
        let told = testkit::eventually(Duration::from_secs(5), "it is told", async || {
            let told = world.told().await;
            if told.len() == 2 { Ok(told) } else { Err(told.len()) }
        })
        .await;
        let (_, first, _) = &told[0];
        let (_, revision, connection) = &told[1];
        assert_eq!(
            (connection.state(), connection.reason.as_str()),
            (ConnectionState::Disconnected, "withdrawn")
        );
        assert!(revision > first && connection.generation == generation.get());
        assert_eq!(
            world
                .database
                .number("SELECT COUNT(*) FROM connection WHERE refresh_sealed <> ''")
                .await,
            0
        );
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_that_comes_after_the_refusal_still_withdraws() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    world.sim(&format!("athletes/{GUARDIAN}/disconnect"), json!({"app": 1})).await;
    world.later(Duration::from_hours(7)).await;
    let refused = world.lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::ReconnectNeeded));
    world.hint_of_withdrawal(GUARDIAN).await;
    world.until(athlete, "disconnected", "withdrawn").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_that_overtakes_the_answer_to_a_refresh_is_not_lost() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    world.later(Duration::from_hours(7)).await;
    let slow = json!({"endpoint": "* /oauth/token", "kind": "slow", "delay_ms": 1500, "count": 1});
    world.sim("faults", slow).await;
    let withdrawn = async {
        testkit::eventually(Duration::from_secs(5), "the refresh is under way", async || {
            let refreshes = world.counted("/refreshes").await;
            if refreshes == 1 { Ok(()) } else { Err(refreshes) }
        })
        .await;
        world.sim(&format!("athletes/{GUARDIAN}/disconnect"), json!({"app": 1})).await;
        world.hint_of_withdrawal(GUARDIAN).await;
    };
    let (lease, ()) = tokio::join!(world.lease(athlete, generation, Purpose::Live), withdrawn);
    assert!(lease.is_ok(), "Strava had answered before: {lease:?}");
    testkit::eventually(Duration::from_secs(30), "it is withdrawn", async || {
        let seen = world.connection(athlete).await;
        if seen["reason"] == "withdrawn" { Ok(()) } else { Err(seen) }
    })
    .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_is_checked_again_until_strava_answers() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    world.connect(athlete, GUARDIAN).await;
    world
        .sim("faults", json!({"endpoint": "* /oauth/token", "kind": "unavailable", "count": 1}))
        .await;
    world.hint_of_withdrawal(GUARDIAN).await;
    testkit::eventually(Duration::from_secs(20), "the hint is settled", async || {
        let open =
            world.database.number("SELECT COUNT(*) FROM connection WHERE hinted_at_us > 0").await;
        let refreshes = world.counted("/refreshes").await;
        if (open, refreshes) == (0, 1) { Ok(()) } else { Err((open, refreshes)) }
    })
    .await;
    assert_eq!(world.connection(athlete).await["state"], "connected");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_stops_leases_revokes_at_strava_and_lets_another_account_connect() {
    let world = World::new(TestDatabase::sqlite()).await;
    let (athlete, other) = (new_athlete(), new_athlete());
    let generation = world.connect(athlete, GUARDIAN).await;
    let lease = world.lease(athlete, generation, Purpose::Live).await.unwrap();
    let id = world.connection(athlete).await["id"].as_str().unwrap().to_owned();
    assert_eq!(
        world.call("DELETE", &format!("/v1/me/connections/{id}"), athlete).await.status,
        204
    );
    let refused = world.lease(athlete, generation, Purpose::Login).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::Disconnected));
    testkit::eventually(Duration::from_secs(10), "Strava ends the token", async || {
        match world.strava.get_athlete(&lease.access_token).await {
            Err(error) if error.kind == strava_client::ErrorKind::TokenDead => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    testkit::eventually(Duration::from_secs(10), "the revoke is settled", async || {
        let left =
            world.database.number("SELECT COUNT(*) FROM connection WHERE revoking = 1").await;
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;
    world.connect(other, GUARDIAN).await;
    world.end().await;
}

/// Disconnects through this door while a refresh that replaces the refresh token is under way.
async fn disconnected_during_a_refresh(world: &World, door: &str) {
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    let id = world.connection(athlete).await["id"].as_str().unwrap().to_owned();
    world.later(Duration::from_hours(7)).await;
    let slow = json!({"endpoint": "* /oauth/token", "kind": "slow", "delay_ms": 2500, "count": 1});
    world.sim("faults", slow).await;
    let disconnect = async {
        testkit::eventually(Duration::from_secs(5), "the refresh is under way", async || {
            let refreshes = world.counted("/refreshes").await;
            if refreshes == 1 { Ok(()) } else { Err(refreshes) }
        })
        .await;
        let request = world.http.delete(format!("{door}/v1/me/connections/{id}"));
        let gone = request.bearer_auth(world.bearer(athlete)).send().await.unwrap();
        assert_eq!(gone.status(), 204);
    };
    let (lease, ()) = tokio::join!(world.lease(athlete, generation, Purpose::Live), disconnect);
    assert_eq!(lease.unwrap_err(), LeaseError::Denied(DenialReason::Disconnected));
    testkit::eventually(Duration::from_secs(10), "the revoke is settled", async || {
        let left = "SELECT COUNT(*) FROM connection WHERE revoking = 1 OR refresh_sealed <> ''";
        match world.database.number(left).await {
            0 => Ok(()),
            left => Err(left),
        }
    })
    .await;
    let athletes = world.http.get(world.sim_url("athletes")).send().await.unwrap();
    let athletes: Vec<serde_json::Value> = athletes.json().await.unwrap();
    let guardian = athletes.iter().find(|athlete| athlete["id"] == GUARDIAN).unwrap();
    assert_eq!(guardian["connected"], json!([]), "Strava was told of the token it knows");
    assert_eq!(world.connection(athlete).await["reason"], "asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_during_a_refresh_ends_the_tokens_the_refresh_brings() {
    let world = World::new(TestDatabase::sqlite()).await;
    disconnected_during_a_refresh(&world, &world.base).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_during_another_processs_refresh_waits_for_the_tokens_it_brings() {
    let patient = || {
        let mut start = Start::default();
        start.settings.refresh_patience_s = 8;
        start
    };
    let world = World::new(TestDatabase::sqlite()).await.restarted(patient()).await;
    let folder = tempfile::tempdir().unwrap();
    let with = (patient(), Failpoints::none());
    let target = world.database.target();
    let other = run(target, folder.path(), &world.sim.url(), world.clock.clone(), with).await;
    disconnected_during_a_refresh(&world, &other.base).await;
    assert_eq!(other.tasks.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Clean);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connect_waits_until_an_older_revoke_is_answered() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    world.connect(athlete, GUARDIAN).await;
    world.sim("faults", json!({"endpoint": "* /oauth/revoke", "kind": "unavailable"})).await;
    let id = world.connection(athlete).await["id"].as_str().unwrap().to_owned();
    assert_eq!(
        world.call("DELETE", &format!("/v1/me/connections/{id}"), athlete).await.status,
        204
    );
    let early = world.call("POST", "/v1/me/connections", athlete).await;
    assert_eq!(early.status, 409, "{early:?}");
    let cleared = world.http.delete(world.sim_url("faults")).send().await.unwrap();
    assert!(cleared.status().is_success());
    let generation = world.connect(athlete, GUARDIAN).await;
    let lease = world.lease(athlete, generation, Purpose::Live).await.unwrap();
    assert!(world.strava.get_athlete(&lease.access_token).await.is_ok());
    world.end().await;
}

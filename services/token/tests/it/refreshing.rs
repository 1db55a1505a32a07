//! Refreshes: one at a time, never lost if it can be helped, honest if it cannot.

use std::time::Duration;

use serde_json::json;
use strava_client::lease::{DenialReason, LeaseError, Purpose};
use testkit::TestDatabase;

use crate::world::{GUARDIAN, Start, World, new_athlete, request};

/// A lost answer leaves what a crash between Strava's answer and the store leaves: an intent, the
/// old tokens here, perhaps new ones there.
async fn with_a_lost_answer(world: &World, athlete: kernel::AthleteId) -> kernel::Generation {
    let generation = world.connect(athlete, GUARDIAN).await;
    world.later(Duration::from_hours(7)).await;
    world
        .sim("faults", json!({"endpoint": "* /oauth/token", "kind": "answer_lost", "count": 1}))
        .await;
    let lost = world.lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert!(matches!(lost, LeaseError::RetryAt(_)), "{lost:?}");
    assert_eq!(world.counted("/refreshes").await, 1);
    generation
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_healed_while_the_refresh_token_still_works() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let athlete = new_athlete();
        world.sim("tokens/rotation", json!({"mode": "never"})).await;
        let generation = with_a_lost_answer(&world, athlete).await;
        let lease = world.lease(athlete, generation, Purpose::Live).await.unwrap();
        assert!(world.strava.get_athlete(&lease.access_token).await.is_ok());
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_that_replaced_the_refresh_token_asks_for_a_reconnect_and_says_why() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let athlete = new_athlete();
        let generation = with_a_lost_answer(&world, athlete).await;
        let refused = world.lease(athlete, generation, Purpose::Live).await.unwrap_err();
        assert_eq!(refused, LeaseError::Denied(DenialReason::ReconnectNeeded));
        world.until(athlete, "reconnect-needed", "refresh-lost").await;

        let again = world.connect(athlete, GUARDIAN).await;
        assert!(again > generation && world.lease(athlete, again, Purpose::Live).await.is_ok());
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_still_good_is_lent_while_stravas_token_door_is_closed() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    world.later(Duration::from_mins(350)).await;
    world.sim("faults", json!({"endpoint": "* /oauth/token", "kind": "unavailable"})).await;
    let lease = world.lease(athlete, generation, Purpose::Live).await.unwrap();
    assert!(world.strava.get_athlete(&lease.access_token).await.is_ok());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_client_secret_touches_no_connection() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    world.later(Duration::from_hours(7)).await;
    world.sim("apps", json!({"id": 1, "secret": "changed"})).await;
    let refused = world.lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert!(matches!(refused, LeaseError::RetryAt(_)), "{refused:?}");
    assert_eq!(world.connection(athlete).await["state"], "connected");
    world.sim("apps", json!({"id": 1, "secret": "sim-secret"})).await;
    assert!(world.lease(athlete, generation, Purpose::Live).await.is_ok());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_stored_also_when_nobody_waits_for_it_any_more() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    world.later(Duration::from_hours(7)).await;
    world
        .sim(
            "faults",
            json!({"endpoint": "* /oauth/token", "kind": "slow", "delay_ms": 600, "count": 1}),
        )
        .await;
    let wanted = request(athlete, generation, Purpose::Live, "gone");
    let gone =
        tokio::time::timeout(Duration::from_millis(200), world.leases.request_lease(&wanted)).await;
    assert!(gone.is_err(), "whoever asked has left");

    let lease = testkit::eventually(Duration::from_secs(5), "a lease", async || {
        world.lease(athlete, generation, Purpose::Live).await
    })
    .await;
    assert!(world.strava.get_athlete(&lease.access_token).await.is_ok());
    assert_eq!(world.counted("/refreshes").await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_of_a_refresh_waits_for_the_answer_before_it_tries_again() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    world.sim("tokens/rotation", json!({"mode": "never"})).await;
    let generation = with_a_lost_answer(&world, athlete).await;
    let world = world.restarted(Start::default()).await;
    let lease = world.lease(athlete, generation, Purpose::Live).await.unwrap();
    assert!(world.strava.get_athlete(&lease.access_token).await.is_ok());
    world.end().await;
}

//! Leases: who gets one, who does not, and what reports change.

use std::time::Duration;

use futures::future::join_all;
use strava_client::lease::{DenialReason, LeaseError, Purpose, Report};
use testkit::TestDatabase;

use crate::world::{Answer, CHILD, GUARDIAN, World, new_athlete, request};

#[tokio::test(flavor = "multi_thread")]
async fn fifty_simultaneous_leases_on_an_expired_token_cause_one_refresh() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let athlete = new_athlete();
        let generation = world.connect(athlete, GUARDIAN).await;
        world.later(Duration::from_hours(7)).await;

        let leases =
            join_all((0..50).map(|_| world.lease(athlete, generation, Purpose::Live))).await;

        let tokens: std::collections::BTreeSet<String> = leases
            .into_iter()
            .map(|lease| lease.unwrap().access_token.expose().to_owned())
            .collect();
        assert_eq!((world.counted("/refreshes").await, tokens.len()), (1, 1));
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_again_with_the_same_attempt_returns_the_same_lease() {
    for database in testkit::databases().await {
        let world = World::new(database).await;
        let athlete = new_athlete();
        let generation = world.connect(athlete, GUARDIAN).await;
        let wanted = request(athlete, generation, Purpose::Live, "attempt-1");
        let first = world.leases.request_lease(&wanted).await.unwrap();
        let again = world.leases.request_lease(&wanted).await.unwrap();
        assert_eq!((first.id, first.lease_expires_at), (again.id, again.lease_expires_at));

        world.later(Duration::from_secs(61)).await;
        let over = world.leases.request_lease(&wanted).await.unwrap();
        assert_ne!(first.id, over.id);
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_ends_with_stravas_window() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    world.later(Duration::from_secs(12 * 60 + 30)).await;
    let lease = world.lease(athlete, generation, Purpose::Live).await.unwrap();
    assert_eq!(lease.lease_expires_at.as_secs() % 900, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_are_for_our_own_services_only() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    let body = request(athlete, generation, Purpose::Live, "a");
    let url = format!("{}internal/v1/leases", world.internal);
    for credential in ["", "wrong", &world.bearer(athlete)] {
        let answer = Answer::of(
            world.http.post(&url).bearer_auth(credential).json(&body).send().await.unwrap(),
        )
        .await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    let public = world
        .http
        .post(format!("{}/internal/v1/leases", world.base))
        .bearer_auth("between-services");
    assert_eq!(public.json(&body).send().await.unwrap().status(), 404);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_athlete_without_a_connection_gets_no_lease() {
    let world = World::new(TestDatabase::sqlite()).await;
    let refused = world.lease(new_athlete(), kernel::Generation::new(1), Purpose::Live).await;
    assert_eq!(refused.unwrap_err(), LeaseError::Denied(DenialReason::Disconnected));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_strava_calls_dead_is_refreshed_once_and_its_end_asks_for_a_reconnect() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    let lease = world.lease(athlete, generation, Purpose::Live).await.unwrap();
    world.sim("tokens/expire", serde_json::json!({"athlete": GUARDIAN})).await;
    let dead = world.strava.get_athlete(&lease.access_token).await;
    world.leases.report_usage(lease.id, &Report::for_read(&dead)).await.unwrap();

    let lease = world.lease(athlete, generation, Purpose::Live).await.unwrap();
    assert!(world.strava.get_athlete(&lease.access_token).await.is_ok());
    assert_eq!(world.counted("/refreshes").await, 1);

    world.sim("tokens/expire", serde_json::json!({"athlete": GUARDIAN, "refresh_too": true})).await;
    let dead = world.strava.get_athlete(&lease.access_token).await;
    world.leases.report_usage(lease.id, &Report::for_read(&dead)).await.unwrap();
    let refused = world.lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::ReconnectNeeded));
    world.until(athlete, "reconnect-needed", "refresh-refused").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_called_dead_again_and_again_does_not_refresh_for_ever() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    world
        .sim("faults", serde_json::json!({"endpoint": "GET /athlete", "kind": "unauthorized"}))
        .await;
    for _ in 0..2 {
        let lease = world.lease(athlete, generation, Purpose::Live).await.unwrap();
        let dead = world.strava.get_athlete(&lease.access_token).await;
        world.leases.report_usage(lease.id, &Report::for_read(&dead)).await.unwrap();
    }
    let held = world.lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert!(matches!(held, LeaseError::RetryAt(_)), "{held:?}");
    assert_eq!(world.counted("/refreshes").await, 1);
    assert_eq!(world.connection(athlete).await["state"], "connected");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_is_not_refreshed_away() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    let lease = world.lease(athlete, generation, Purpose::Live).await.unwrap();
    world
        .sim(
            "faults",
            serde_json::json!({"endpoint": "GET /athlete", "kind": "scope_missing", "count": 1}),
        )
        .await;
    let missing = world.strava.get_athlete(&lease.access_token).await;
    world.leases.report_usage(lease.id, &Report::for_read(&missing)).await.unwrap();
    let refused = world.lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::ScopeMissing));
    assert_eq!(world.counted("/refreshes").await, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inactive_application_pauses_everybody_until_strava_takes_it_back() {
    let world = World::new(TestDatabase::sqlite()).await;
    let (athlete, other) = (new_athlete(), new_athlete());
    let generation = world.connect(athlete, GUARDIAN).await;
    let others = world.connect(other, CHILD).await;
    let lease = world.lease(athlete, generation, Purpose::Live).await.unwrap();
    world.sim("apps", serde_json::json!({"id": 1, "active": false})).await;
    let refused = world.strava.get_athlete(&lease.access_token).await;
    world.leases.report_usage(lease.id, &Report::for_read(&refused)).await.unwrap();

    let paused = world.lease(other, others, Purpose::Login).await.unwrap_err();
    assert_eq!(paused, LeaseError::Denied(DenialReason::AppInactive));
    let seen = world.connection(other).await;
    assert_eq!(
        (seen["state"].as_str(), seen["application_inactive"].as_bool()),
        (Some("connected"), Some(true))
    );

    world.later(Duration::from_secs(61)).await;
    world.sim("apps", serde_json::json!({"id": 1, "active": true})).await;
    let probe = world.lease(other, others, Purpose::Live).await.unwrap();
    let second = world.lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert_eq!(second, LeaseError::Denied(DenialReason::AppInactive), "one probe at a time");
    let taken = world.strava.get_athlete(&probe.access_token).await;
    world.leases.report_usage(probe.id, &Report::for_read(&taken)).await.unwrap();
    assert!(world.lease(athlete, generation, Purpose::Live).await.is_ok());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_no_lease_is_not_found_and_a_report_twice_counts_once() {
    let world = World::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = world.connect(athlete, GUARDIAN).await;
    let unknown = kernel::LeaseId::from_uuid(athlete.as_uuid());
    assert!(world.leases.report_usage(unknown, &Report::default()).await.is_err());
    let lease = world.lease(athlete, generation, Purpose::Live).await.unwrap();
    let report = Report { reads: 7, status: Some(200), ..Report::default() };
    for _ in 0..2 {
        world.leases.report_usage(lease.id, &report).await.unwrap();
    }
    assert_eq!(world.database.number("SELECT day_read_spent FROM budget").await, 7);
    world.end().await;
}

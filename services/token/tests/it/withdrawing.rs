//! The end of access: true hints, forged hints, and the athlete's own wish.

use std::time::Duration;

use contracts::athletes::ConnectionState;
use kernel::AthleteId;
use serde_json::json;
use strava_client::lease::{DenialReason, LeaseError, Purpose};
use testkit::TestDatabase;

use crate::test_app::{
    GUARDIAN, StartOptions, TestApp, new_athlete, published_erases, start_service,
};

/// Connects an athlete whose refresh token Strava then refuses without a hint: a reconnect is needed.
async fn connect_and_lose_access(app: &TestApp) -> AthleteId {
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    app.control_sim(&format!("athletes/{GUARDIAN}/disconnect"), json!({"app": 1})).await;
    app.advance_clocks(Duration::from_hours(7)).await;
    let refused = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::ReconnectNeeded));
    athlete
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_deauthorization_changes_nothing() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    app.publish_withdrawal_hint(GUARDIAN).await;
    app.publish_withdrawal_hint(99).await;
    testkit::eventually(Duration::from_secs(10), "the hint is checked", async || {
        let refreshes = app.sim_counter("/refreshes").await;
        let open = app
            .database
            .query_i64("SELECT COUNT(*) FROM connection WHERE withdrawal_hinted_at_us > 0")
            .await;
        if (refreshes, open) == (1, 0) { Ok(()) } else { Err((refreshes, open)) }
    })
    .await;
    assert_eq!(app.fetch_connection(athlete).await["state"], "connected");
    assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    assert_eq!(app.published_connections().await.len(), 1, "the connect");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_deauthorization_stops_leases_and_is_published() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        let generation = app.connect(athlete, GUARDIAN).await;
        app.control_sim(&format!("athletes/{GUARDIAN}/disconnect"), json!({"app": 1})).await;
        app.publish_withdrawal_hint(GUARDIAN).await;
        app.wait_for_state(athlete, "disconnected", "withdrawn").await;

        let refused = app.request_lease(athlete, generation, Purpose::Login).await.unwrap_err();
        assert_eq!(refused, LeaseError::Denied(DenialReason::Disconnected));
        let published =
            testkit::eventually(Duration::from_secs(5), "it is published", async || {
                let published = app.published_connections().await;
                if published.len() == 2 { Ok(published) } else { Err(published.len()) }
            })
            .await;
        let (_, first, _) = &published[0];
        let (_, revision, connection) = &published[1];
        assert_eq!(
            (connection.state(), connection.reason.as_str()),
            (ConnectionState::Disconnected, "withdrawn")
        );
        assert!(revision > first && connection.generation == generation.get());
        assert_eq!(
            app.database
                .query_i64("SELECT COUNT(*) FROM connection WHERE refresh_sealed <> ''")
                .await,
            0
        );
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_connection_is_erased_through_its_generation_and_no_other() {
    for asked in [true, false] {
        let app = TestApp::new(TestDatabase::sqlite()).await;
        let athlete = new_athlete();
        let first = app.connect(athlete, GUARDIAN).await;
        let id = app.fetch_connection(athlete).await["id"].as_str().unwrap().to_owned();
        if asked {
            let path = format!("/v1/me/connections/{id}");
            assert_eq!(app.call_as("DELETE", &path, athlete).await.status, 204);
            assert_eq!(app.call_as("DELETE", &path, athlete).await.status, 204, "once more");
        } else {
            app.control_sim(&format!("athletes/{GUARDIAN}/disconnect"), json!({"app": 1})).await;
            app.publish_withdrawal_hint(GUARDIAN).await;
            app.wait_for_state(athlete, "disconnected", "withdrawn").await;
        }
        let erases = testkit::eventually(Duration::from_secs(10), "it is erased", async || {
            let erases = published_erases(&app.bus).await;
            if erases.is_empty() { Err("no erase") } else { Ok(erases) }
        })
        .await;
        let [(envelope, erase)] = erases.as_slice() else { panic!("one erase: {erases:?}") };
        assert_eq!(envelope.athlete, Some(athlete));
        assert_eq!((erase.application, erase.through_generation), (1, first.get()));
        let fence = "SELECT min_generation FROM fence";
        assert_eq!(app.database.query_i64(fence).await, first.get() + 1);
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_only_needs_a_reconnect_is_not_erased() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    connect_and_lose_access(&app).await;
    testkit::eventually(Duration::from_secs(5), "it is published", async || {
        let published = app.published_connections().await.len();
        if published == 2 { Ok(()) } else { Err(published) }
    })
    .await;
    assert_eq!(published_erases(&app.bus).await.len(), 0);
    assert_eq!(app.database.query_i64("SELECT COUNT(*) FROM fence").await, 0);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_that_comes_after_the_refusal_still_withdraws() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = connect_and_lose_access(&app).await;
    app.publish_withdrawal_hint(GUARDIAN).await;
    app.wait_for_state(athlete, "disconnected", "withdrawn").await;
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_that_overtakes_the_answer_to_a_refresh_is_not_lost() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    app.advance_clocks(Duration::from_hours(7)).await;
    let slow = json!({"endpoint": "* /oauth/token", "kind": "slow", "delay_ms": 1500, "count": 1});
    app.control_sim("faults", slow).await;
    let withdrawn = async {
        testkit::eventually(Duration::from_secs(5), "the refresh is under way", async || {
            let refreshes = app.sim_counter("/refreshes").await;
            if refreshes == 1 { Ok(()) } else { Err(refreshes) }
        })
        .await;
        app.control_sim(&format!("athletes/{GUARDIAN}/disconnect"), json!({"app": 1})).await;
        app.publish_withdrawal_hint(GUARDIAN).await;
    };
    let (lease, ()) =
        tokio::join!(app.request_lease(athlete, generation, Purpose::Live), withdrawn);
    assert!(lease.is_ok(), "Strava had answered before: {lease:?}");
    testkit::eventually(Duration::from_secs(30), "it is withdrawn", async || {
        let seen = app.fetch_connection(athlete).await;
        if seen["reason"] == "withdrawn" { Ok(()) } else { Err(seen) }
    })
    .await;
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hint_is_checked_again_until_strava_answers() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    app.connect(athlete, GUARDIAN).await;
    app.control_sim(
        "faults",
        json!({"endpoint": "* /oauth/token", "kind": "unavailable", "count": 1}),
    )
    .await;
    app.publish_withdrawal_hint(GUARDIAN).await;
    testkit::eventually(Duration::from_secs(20), "the hint is settled", async || {
        let open = app
            .database
            .query_i64("SELECT COUNT(*) FROM connection WHERE withdrawal_hinted_at_us > 0")
            .await;
        let refreshes = app.sim_counter("/refreshes").await;
        if (open, refreshes) == (0, 1) { Ok(()) } else { Err((open, refreshes)) }
    })
    .await;
    assert_eq!(app.fetch_connection(athlete).await["state"], "connected");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_stops_leases_revokes_and_lets_another_account_connect() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let (athlete, other) = (new_athlete(), new_athlete());
    let generation = app.connect(athlete, GUARDIAN).await;
    let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
    let id = app.fetch_connection(athlete).await["id"].as_str().unwrap().to_owned();
    assert_eq!(
        app.call_as("DELETE", &format!("/v1/me/connections/{id}"), athlete).await.status,
        204
    );
    let refused = app.request_lease(athlete, generation, Purpose::Login).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::Disconnected));
    testkit::eventually(Duration::from_secs(10), "Strava ends the token", async || {
        match app.strava.get_athlete(&lease.access_token).await {
            Err(error) if error.kind == strava_client::ErrorKind::TokenDead => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    testkit::eventually(Duration::from_secs(10), "the revoke is settled", async || {
        let left = app
            .database
            .query_i64("SELECT COUNT(*) FROM connection WHERE revoke_pending = 1")
            .await;
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;
    app.connect(other, GUARDIAN).await;
    app.shut_down().await;
}

/// Disconnects through the service at this address while a refresh that replaces the refresh token is under way.
async fn disconnected_during_a_refresh(app: &TestApp, base: &str) {
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    let id = app.fetch_connection(athlete).await["id"].as_str().unwrap().to_owned();
    app.advance_clocks(Duration::from_hours(7)).await;
    let slow = json!({"endpoint": "* /oauth/token", "kind": "slow", "delay_ms": 2500, "count": 1});
    app.control_sim("faults", slow).await;
    let disconnect = async {
        testkit::eventually(Duration::from_secs(5), "the refresh is under way", async || {
            let refreshes = app.sim_counter("/refreshes").await;
            if refreshes == 1 { Ok(()) } else { Err(refreshes) }
        })
        .await;
        let request = app.http.delete(format!("{base}/v1/me/connections/{id}"));
        let gone = request.bearer_auth(app.bearer(athlete)).send().await.unwrap();
        assert_eq!(gone.status(), 204);
    };
    let (lease, ()) =
        tokio::join!(app.request_lease(athlete, generation, Purpose::Live), disconnect);
    assert_eq!(lease.unwrap_err(), LeaseError::Denied(DenialReason::Disconnected));
    testkit::eventually(Duration::from_secs(10), "the revoke is settled", async || {
        let left =
            "SELECT COUNT(*) FROM connection WHERE revoke_pending = 1 OR refresh_sealed <> ''";
        match app.database.query_i64(left).await {
            0 => Ok(()),
            left => Err(left),
        }
    })
    .await;
    let athletes = app.http.get(app.sim_url("athletes")).send().await.unwrap();
    let athletes: Vec<serde_json::Value> = athletes.json().await.unwrap();
    let guardian = athletes.iter().find(|athlete| athlete["id"] == GUARDIAN).unwrap();
    assert_eq!(guardian["connected"], json!([]), "Strava was told of the token it knows");
    assert_eq!(app.fetch_connection(athlete).await["reason"], "asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_during_a_refresh_ends_the_tokens_the_refresh_brings() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    disconnected_during_a_refresh(&app, &app.base).await;
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_during_another_processs_refresh_waits_for_its_tokens() {
    let patient = || {
        let mut options = StartOptions::default();
        options.settings.refresh_patience_s = 8;
        options
    };
    let app = TestApp::new(TestDatabase::sqlite()).await.restart(patient()).await;
    let folder = tempfile::tempdir().unwrap();
    let target = app.database.target();
    let (strava, clock) = (app.sim.url(), app.clock.clone());
    let other = start_service(target, folder.path(), &strava, clock, patient()).await;
    disconnected_during_a_refresh(&app, &other.base).await;
    assert_eq!(other.tasks.join(Duration::from_secs(20)).await, lifecycle::JoinOutcome::Clean);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connect_waits_until_an_older_revoke_is_answered() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    app.connect(athlete, GUARDIAN).await;
    app.control_sim("faults", json!({"endpoint": "* /oauth/revoke", "kind": "unavailable"})).await;
    let id = app.fetch_connection(athlete).await["id"].as_str().unwrap().to_owned();
    assert_eq!(
        app.call_as("DELETE", &format!("/v1/me/connections/{id}"), athlete).await.status,
        204
    );
    let early = app.call_as("POST", "/v1/me/connections", athlete).await;
    assert_eq!(early.status, 409, "{early:?}");
    let cleared = app.http.delete(app.sim_url("faults")).send().await.unwrap();
    assert!(cleared.status().is_success());
    let generation = app.connect(athlete, GUARDIAN).await;
    let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
    assert!(app.strava.get_athlete(&lease.access_token).await.is_ok());
    app.shut_down().await;
}

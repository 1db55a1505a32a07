//! The database fails at the very moment Strava has answered, or the answer to a commit is lost: what happened
//! is found out from what is stored.

use std::time::Duration;

use outbox::StoreFaults;
use serde_json::json;
use strava_client::lease::Purpose;
use testkit::{TestDatabase, eventually};

use crate::test_app::{CHILD, GUARDIAN, StartOptions, TestApp, new_athlete};

/// Maximum number of faults that one transaction meets.
const MAX_FAULTS: usize = 60;

/// A service whose transactions of this name will fail, once at every statement and around the commit.
async fn start(faults: &StoreFaults, name: &'static str) -> TestApp {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let app = app.restart(StartOptions { faults: faults.clone(), ..StartOptions::default() }).await;
    faults.arm_only(&[name]);
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_succeeds_once_whatever_fails_while_it_is_stored() {
    let faults = StoreFaults::io_errors();
    let app = start(&faults, "store_connection").await;
    let athlete = new_athlete();
    let mut connects = 0;
    while !faults.is_done("store_connection") {
        app.connect(athlete, GUARDIAN).await;
        connects += 1;
        assert!(connects < MAX_FAULTS);
    }
    assert!(connects > 3, "too few faults: {connects}");
    let published = eventually(Duration::from_secs(10), "all are published", async || {
        let published = app.published_connections().await;
        if published.len() >= connects { Ok(published) } else { Err(published.len()) }
    })
    .await;
    assert_eq!(published.len(), connects, "a connect whose commit is lost is one connect");
    let generation = app.fetch_generation(athlete).await;
    assert_eq!(published.last().unwrap().2.generation, generation.get());
    assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_consent_hands_its_tokens_over_whatever_fails_meanwhile() {
    let faults = StoreFaults::io_errors();
    let app = start(&faults, "transfer_tokens").await;
    let (owner, other) = (new_athlete(), new_athlete());
    let generation = app.connect(owner, GUARDIAN).await;
    for _ in 0..MAX_FAULTS {
        let back = app.give_consent(other, GUARDIAN, "?write=1").await;
        assert_eq!(app.follow_redirect(back).await.outcome(), "strava=error&reason=taken");
        // The exchange ended the owner's tokens at Strava; the new ones are theirs.
        app.advance_clocks(Duration::from_hours(7)).await;
        let lease = app.request_lease(owner, generation, Purpose::Live).await.unwrap();
        assert!(app.strava.get_athlete(&lease.access_token).await.is_ok());
        if faults.is_done("transfer_tokens") {
            break;
        }
    }
    assert!(faults.is_done("transfer_tokens"));
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refreshed_tokens_are_stored_whatever_fails_meanwhile() {
    let faults = StoreFaults::io_errors();
    let app = start(&faults, "store_refreshed_tokens").await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    for refreshes in 1..MAX_FAULTS {
        app.advance_clocks(Duration::from_hours(7)).await;
        let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
        assert!(app.strava.get_athlete(&lease.access_token).await.is_ok());
        let asked = app.sim_counter("/refreshes").await;
        assert_eq!(asked, i64::try_from(refreshes).unwrap(), "Strava is asked once");
        if faults.is_done("store_refreshed_tokens") {
            break;
        }
    }
    assert!(faults.is_done("store_refreshed_tokens"));
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_is_one_whatever_fails_while_it_is_stored() {
    let faults = StoreFaults::io_errors();
    let app = start(&faults, "end_connection").await;
    for strava_athlete in [GUARDIAN, CHILD].into_iter().cycle().take(MAX_FAULTS) {
        let athlete = new_athlete();
        app.connect(athlete, strava_athlete).await;
        app.control_sim(&format!("athletes/{strava_athlete}/disconnect"), json!({"app": 1})).await;
        app.publish_withdrawal_hint(strava_athlete).await;
        app.wait_for_state(athlete, "disconnected", "withdrawn").await;
        if faults.is_done("end_connection") {
            break;
        }
    }
    assert!(faults.is_done("end_connection"));
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_whose_answer_is_lost_is_revoked_at_once() {
    let faults = StoreFaults::io_errors();
    let app = start(&faults, "disconnect").await;
    let athlete = new_athlete();
    for _ in 0..MAX_FAULTS {
        app.connect(athlete, GUARDIAN).await;
        let id = app.fetch_connection(athlete).await["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/me/connections/{id}");
        let status = app.call_as("DELETE", &path, athlete).await.status;
        assert!([204, 503].contains(&status), "{status}");
        if app.fetch_connection(athlete).await["state"] == "connected" {
            assert_eq!(app.call_as("DELETE", &path, athlete).await.status, 204);
        }
        let left = "SELECT COUNT(*) FROM connection WHERE refresh_sealed <> ''";
        eventually(Duration::from_secs(10), "the token is revoked", async || {
            let left = app.database.query_i64(left).await;
            if left == 0 { Ok(()) } else { Err(status) }
        })
        .await;
        if faults.is_done("disconnect") {
            break;
        }
    }
    assert!(faults.is_done("disconnect"));
    app.shut_down().await;
}

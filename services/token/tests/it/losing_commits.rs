//! The database fails at the very moment Strava has answered, or the answer to a commit is lost: what happened
//! is found out from what is stored.

use std::collections::BTreeSet;
use std::time::Duration;

use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::{Envelope, Event as _, Topic};
use outbox::StoreFaults;
use serde_json::json;
use strava_client::lease::{LeaseError, Purpose};
use testkit::{TestDatabase, eventually};

use crate::test_app::{CHILD, GUARDIAN, KEY_A, KEY_B, StartOptions, TestApp, new_athlete};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_strava_did_not_process_is_tried_again_whatever_fails_meanwhile() {
    let faults = StoreFaults::io_errors();
    let app = start(&faults, "record_refresh_failure").await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    for _ in 0..MAX_FAULTS {
        app.advance_clocks(Duration::from_hours(7)).await;
        let failing = json!({"endpoint": "POST /oauth/token", "kind": "server_error", "count": 1});
        app.control_sim("faults", failing).await;
        let refused = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
        assert!(matches!(refused, LeaseError::RetryAt(_)), "{refused:?}");
        app.advance_clocks(Duration::from_mins(2)).await;
        let lease = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
        assert!(app.strava.get_athlete(&lease.access_token).await.is_ok());
        if faults.is_done("record_refresh_failure") {
            break;
        }
    }
    assert!(faults.is_done("record_refresh_failure"));
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_answered_with_every_connection_whatever_fails_meanwhile() {
    let faults = StoreFaults::io_errors();
    let app = start(&faults, "replay_connection").await;
    request_replays(app, || faults.is_done("replay_connection")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_replay_is_published_whatever_fails_meanwhile() {
    let faults = StoreFaults::io_errors();
    let app = start(&faults, "publish_replay_done").await;
    request_replays(app, || faults.is_done("publish_replay_done")).await;
}

/// Requests replays until every fault was met; each is answered.
async fn request_replays(app: TestApp, is_done: impl Fn() -> bool) {
    app.connect(new_athlete(), GUARDIAN).await;
    app.connect(new_athlete(), CHILD).await;
    for round in 0..MAX_FAULTS {
        let request = ReplayRequested {
            id: format!("replay-{round}"),
            service: "stats".to_owned(),
            of: "athletes".to_owned(),
            answer_on: "athletes".to_owned(),
            athlete: String::new(),
        };
        app.publish_event(Topic::Replays, request).await;
        wait_until_answered(&app, &format!("replay-{round}")).await;
        if is_done() {
            break;
        }
    }
    assert!(is_done());
    app.shut_down().await;
}

/// Waits until the end of a replay is on every partition, after both connections.
async fn wait_until_answered(app: &TestApp, replay: &str) {
    eventually(Duration::from_secs(30), "the replay is answered", async || {
        let records = app.bus.read_all(Topic::Athletes).await.unwrap();
        let envelopes: Vec<_> =
            records.iter().map(|record| Envelope::decode(&record.value).unwrap()).collect();
        let done = envelopes.iter().filter(|it| {
            ReplayDone::from_payload(it.payload.clone()).is_ok_and(|done| done.id == replay)
        });
        let done = done.count();
        if done >= 3 { Ok(()) } else { Err(done) }
    })
    .await;
    let replayed = app.published_connections().await;
    let replayed: BTreeSet<_> =
        replayed.iter().filter(|(it, ..)| it.replay).map(|(it, ..)| it.athlete).collect();
    assert_eq!(replayed.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_sealed_again_at_a_later_start_whatever_fails_meanwhile() {
    let faults = StoreFaults::io_errors();
    let mut app = start(&faults, "reseal_tokens").await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    for [first, second] in [[KEY_B, KEY_A], [KEY_A, KEY_B]].into_iter().cycle().take(MAX_FAULTS) {
        let (keys, faults) = (format!("{first}\n{second}"), faults.clone());
        app = app.restart(StartOptions { keys, faults, ..StartOptions::default() }).await;
        // What is not sealed again opens as before.
        assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    }
    assert!(faults.is_done("reseal_tokens"));
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_former_release_gave_up_recovers_whatever_fails_meanwhile() {
    let faults = StoreFaults::io_errors();
    let mut app = start(&faults, "recover_unreadable").await;
    let athlete = new_athlete();
    app.connect(athlete, GUARDIAN).await;
    // A hint about them wakes the worker.
    app.connect(new_athlete(), CHILD).await;
    let give_up = format!(
        "UPDATE connection SET state = 'reconnect-needed', reason = 'unreadable' WHERE athlete = '{athlete}'"
    );
    for _ in 0..MAX_FAULTS {
        app.database.execute(&give_up).await;
        app = app.restart(StartOptions { faults: faults.clone(), ..StartOptions::default() }).await;
        eventually(Duration::from_secs(30), "it is connected again", async || {
            let connection = app.fetch_connection(athlete).await;
            if connection["state"] == "connected" {
                return Ok(());
            }
            app.advance_clocks(Duration::from_mins(6)).await;
            app.publish_withdrawal_hint(CHILD).await;
            Err(connection)
        })
        .await;
        if faults.is_done("recover_unreadable") {
            break;
        }
    }
    assert!(faults.is_done("recover_unreadable"));
    app.shut_down().await;
}

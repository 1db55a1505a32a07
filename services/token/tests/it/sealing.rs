//! Tokens at rest.

use std::time::Duration;

use kernel::Clock;
use strava_client::lease::{DenialReason, LeaseError, Purpose};
use testkit::TestDatabase;
use token::{KeyringError, StartError};

use crate::test_app::{CHILD, GUARDIAN, KEY_A, KEY_B, StartOptions, TestApp, new_athlete};

/// Strava's tokens, and the simulator's, are forty hexadecimal digits.
fn token_like(text: &str) -> Vec<&str> {
    text.split(|character: char| !character.is_ascii_hexdigit())
        .filter(|run| run.len() == 40)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_unreadable_in_the_database_and_absent_from_the_log() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let athlete = new_athlete();
        let generation = app.connect(athlete, GUARDIAN).await;
        let first = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
        app.advance_clocks(Duration::from_hours(7)).await;
        let second = app.request_lease(athlete, generation, Purpose::Live).await.unwrap();
        assert_eq!(
            token_like(second.access_token.expose()).len(),
            1,
            "or the search below finds nothing"
        );

        let mut everything = String::from_utf8_lossy(&app.database.bytes().await).into_owned();
        for record in app.bus.read_all(contracts::Topic::Athletes).await.unwrap() {
            everything.push_str(&String::from_utf8_lossy(&record.value));
        }
        for token in [first.access_token.expose(), second.access_token.expose(), "sim-secret"] {
            assert!(!everything.contains(token));
        }
        assert_eq!(token_like(&everything), Vec::<&str>::new());
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_without_losing_a_connection() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    let app = app
        .restart(StartOptions { keys: format!("{KEY_B}\n{KEY_A}"), ..StartOptions::default() })
        .await;
    wait_until_sealed_again(&app).await;

    let app = app.restart(StartOptions { keys: KEY_B.to_owned(), ..StartOptions::default() }).await;
    assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    app.advance_clocks(Duration::from_hours(7)).await;
    assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    let sentinels =
        "SELECT COUNT(*) * 10 + SUM(CASE WHEN key_id = 'b' THEN 1 ELSE 0 END) FROM sealing_key";
    assert_eq!(app.database.query_i64(sentinels).await, 11, "only the new key has a sentinel");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_that_was_there_is_not_replaced_though_no_token_is_sealed() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;

        let options = StartOptions { keys: String::new(), ..StartOptions::default() };
        let (error, app) = app.refused(options).await;

        let no_file =
            matches!(&error, StartError::Keys(KeyringError::NoFile { key, .. }) if key == "a");
        assert!(no_file, "{error:?}");
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_value_that_names_no_key_does_not_refuse_the_start() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let (athlete, other) = (new_athlete(), new_athlete());
        let generation = app.connect(athlete, GUARDIAN).await;
        let of_other = app.connect(other, CHILD).await;
        for damaged in ["damaged", "v1.", "v1..", "v1.no such key.AAAA"] {
            app.database
                .execute(&format!(
                    "UPDATE connection SET access_sealed = '{damaged}' WHERE athlete = '{athlete}'"
                ))
                .await;
        }

        let app = app.restart(StartOptions::default()).await;

        let refused = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
        assert!(matches!(refused, LeaseError::RetryAt(_)), "{refused:?}");
        assert!(app.request_lease(other, of_other, Purpose::Live).await.is_ok());
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_the_service_does_not_start_and_touches_nothing() {
    for database in testkit::databases().await {
        let mut app = TestApp::new(database).await;
        let athlete = new_athlete();
        let generation = app.connect(athlete, GUARDIAN).await;

        for keys in ["", KEY_B] {
            let options = StartOptions { keys: keys.to_owned(), ..StartOptions::default() };
            let (error, again) = app.refused(options).await;
            let missing = matches!(
                &error,
                StartError::Keys(KeyringError::Missing { key, .. }) if key == "a"
            );
            assert!(missing, "{error:?}");
            app = again;
        }

        assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_another_key_of_the_same_id_the_service_does_not_start_and_touches_nothing() {
    let mut app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;

    // The second time as in a database of a former release: without sentinels.
    for prepare in ["", "DELETE FROM sealing_key"] {
        if !prepare.is_empty() {
            app.database.execute(prepare).await;
        }
        let keys = KEY_B.replacen('b', "a", 1);
        let options = StartOptions { keys, ..StartOptions::default() };
        let (error, again) = app.refused(options).await;
        let wrong =
            matches!(&error, StartError::Keys(KeyringError::Wrong { key, .. }) if key == "a");
        assert!(wrong, "{error:?}");
        app = again;
    }

    assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_no_key_opens_is_tried_again_and_concludes_nothing() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let (athlete, other) = (new_athlete(), new_athlete());
    let generation = app.connect(athlete, GUARDIAN).await;
    let of_other = app.connect(other, CHILD).await;
    // One damaged row among good ones, in a database without sentinels, is not a wrong key.
    let damage = "UPDATE connection SET access_sealed = access_sealed || 'AAAA', \
         refresh_sealed = refresh_sealed || 'AAAA'";
    let one = format!("{damage} WHERE athlete = '{athlete}'");
    app.database.execute(&format!("DELETE FROM sealing_key; {one}")).await;
    let app = app.restart(StartOptions::default()).await;

    for _attempt in 0..2 {
        let refused = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
        assert!(matches!(refused, LeaseError::RetryAt(_)), "{refused:?}");
    }
    app.wait_for_state(athlete, "connected", "").await;
    assert!(app.request_lease(other, of_other, Purpose::Live).await.is_ok());

    let mend = "UPDATE connection SET access_sealed = SUBSTR(access_sealed, 1, LENGTH(access_sealed) - 4), \
         refresh_sealed = SUBSTR(refresh_sealed, 1, LENGTH(refresh_sealed) - 4)";
    app.database.execute(&format!("{mend} WHERE athlete = '{athlete}'")).await;
    assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_a_former_release_gave_up_are_connected_again() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    app.database
        .execute("UPDATE connection SET state = 'reconnect-needed', reason = 'unreadable'")
        .await;

    let app = app.restart(StartOptions::default()).await;

    app.wait_for_state(athlete, "connected", "").await;
    assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    let published = app.published_connections().await;
    assert_eq!(published.last().unwrap().2.reason, "");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_named_as_lost_asks_its_athletes_to_connect_again() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    let mut options = StartOptions { keys: KEY_B.to_owned(), ..StartOptions::default() };
    options.settings.lost_keys = vec!["a".to_owned()];

    let app = app.restart(options).await;

    app.wait_for_state(athlete, "reconnect-needed", "refresh-lost").await;
    let refused = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::ReconnectNeeded));
    let again = app.connect(athlete, GUARDIAN).await;
    assert!(app.request_lease(athlete, again, Purpose::Live).await.is_ok());
    // Nothing needs the lost key any more.
    let app = app.restart(StartOptions { keys: KEY_B.to_owned(), ..StartOptions::default() }).await;
    assert!(app.request_lease(athlete, again, Purpose::Live).await.is_ok());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_named_as_lost_ends_no_connection_whose_tokens_open_after_all() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    let mut options = StartOptions { keys: format!("{KEY_B}\n{KEY_A}"), ..StartOptions::default() };
    options.settings.lost_keys = vec!["a".to_owned()];

    let app = app.restart(options).await;

    // Connections whose key is lost are ended first.
    wait_until_sealed_again(&app).await;
    app.wait_for_state(athlete, "connected", "").await;
    assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_given_up_by_a_former_release_is_tried_again_until_its_token_opens() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let (athlete, other) = (new_athlete(), new_athlete());
    let generation = app.connect(athlete, GUARDIAN).await;
    app.connect(other, CHILD).await;
    let give_up = "UPDATE connection SET state = 'reconnect-needed', reason = 'unreadable', \
         refresh_sealed = refresh_sealed || 'AAAA'";
    app.database.execute(&format!("{give_up} WHERE athlete = '{athlete}'")).await;
    let app = app.restart(StartOptions::default()).await;
    // A settled hint tells that the worker's first pass is over.
    settle_hint(&app).await;
    app.wait_for_state(athlete, "reconnect-needed", "unreadable").await;

    app.database.execute(MEND_REFRESH).await;
    app.advance_clocks(Duration::from_mins(6)).await;
    app.publish_withdrawal_hint(CHILD).await;

    app.wait_for_state(athlete, "connected", "").await;
    assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoke_whose_token_does_not_open_waits_and_is_sent_when_it_does() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let (athlete, other) = (new_athlete(), new_athlete());
    app.connect(athlete, GUARDIAN).await;
    app.connect(other, CHILD).await;
    let damage = "UPDATE connection SET refresh_sealed = refresh_sealed || 'AAAA'";
    app.database.execute(&format!("{damage} WHERE athlete = '{athlete}'")).await;
    let id = app.fetch_connection(athlete).await["id"].as_str().unwrap().to_owned();
    let disconnected = app.call_as("DELETE", &format!("/v1/me/connections/{id}"), athlete).await;
    assert_eq!(disconnected.status, 204);
    let soon = app.clock.now().plus(Duration::from_mins(4)).as_micros();
    let waiting = format!(
        "SELECT COUNT(*) FROM connection \
         WHERE revoke_pending = 1 AND withdrawal_check_due_us > {soon}"
    );
    testkit::eventually(Duration::from_secs(10), "the revoke waits", async || {
        let count = app.database.query_i64(&waiting).await;
        if count == 1 { Ok(()) } else { Err(count) }
    })
    .await;

    app.database.execute(MEND_REFRESH).await;
    app.advance_clocks(Duration::from_mins(6)).await;
    app.publish_withdrawal_hint(CHILD).await;

    testkit::eventually(Duration::from_secs(10), "the revoke is settled", async || {
        let pending = "SELECT COUNT(*) FROM connection WHERE revoke_pending = 1";
        let left = app.database.query_i64(pending).await;
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;
    let athletes = app.http.get(app.sim_url("athletes")).send().await.unwrap();
    let athletes: Vec<serde_json::Value> = athletes.json().await.unwrap();
    let guardian = athletes.iter().find(|it| it["id"] == GUARDIAN).unwrap();
    assert_eq!(guardian["connected"], serde_json::json!([]), "Strava was told");
    app.shut_down().await;
}

/// Takes away what a test appended to damage a refresh token.
const MEND_REFRESH: &str = "UPDATE connection \
     SET refresh_sealed = SUBSTR(refresh_sealed, 1, LENGTH(refresh_sealed) - 4) \
     WHERE refresh_sealed LIKE '%AAAA'";

/// Waits until no token is sealed with the key `a`.
async fn wait_until_sealed_again(app: &TestApp) {
    let old = "SELECT COUNT(*) FROM connection WHERE access_sealed LIKE 'v1.a.%' OR refresh_sealed LIKE 'v1.a.%'";
    testkit::eventually(Duration::from_secs(10), "everything is sealed again", async || {
        let left = app.database.query_i64(old).await;
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;
}

/// Has the worker check a connection of the child.
async fn settle_hint(app: &TestApp) {
    let before = app.sim_counter("/refreshes").await;
    app.publish_withdrawal_hint(CHILD).await;
    testkit::eventually(Duration::from_secs(10), "the hint is settled", async || {
        let refreshes = app.sim_counter("/refreshes").await;
        if refreshes > before { Ok(()) } else { Err(refreshes) }
    })
    .await;
}

//! Tokens at rest.

use std::time::Duration;

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
    let old = "SELECT COUNT(*) FROM connection WHERE access_sealed LIKE 'v1.a.%' OR refresh_sealed LIKE 'v1.a.%'";
    testkit::eventually(Duration::from_secs(10), "everything is sealed again", async || {
        let left = app.database.query_i64(old).await;
        if left == 0 { Ok(()) } else { Err(left) }
    })
    .await;

    let app = app.restart(StartOptions { keys: KEY_B.to_owned(), ..StartOptions::default() }).await;
    assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    app.advance_clocks(Duration::from_hours(7)).await;
    assert!(app.request_lease(athlete, generation, Purpose::Live).await.is_ok());
    app.shut_down().await;
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

//! Tokens at rest.

use std::time::Duration;

use strava_client::lease::{DenialReason, LeaseError, Purpose};
use testkit::TestDatabase;

use crate::test_app::{GUARDIAN, KEY_A, KEY_B, StartOptions, TestApp, new_athlete};

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
async fn a_lost_key_asks_for_a_reconnect() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let athlete = new_athlete();
    let generation = app.connect(athlete, GUARDIAN).await;
    let app = app.restart(StartOptions { keys: KEY_B.to_owned(), ..StartOptions::default() }).await;
    let refused = app.request_lease(athlete, generation, Purpose::Live).await.unwrap_err();
    assert_eq!(refused, LeaseError::Denied(DenialReason::ReconnectNeeded));
    app.wait_for_state(athlete, "reconnect-needed", "unreadable").await;
    let again = app.connect(athlete, GUARDIAN).await;
    assert!(app.request_lease(athlete, again, Purpose::Live).await.is_ok());
    app.shut_down().await;
}

//! Sessions that another service ended.

use std::time::Duration;

use contracts::Topic;
use contracts::accounts::{AccountChanged, SessionsRevoked, account_changed::Change};
use testkit::{TestDatabase, eventually};

use crate::test_app::{TestApp, new_athlete};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_elsewhere_is_refused_here() {
    let app = TestApp::new(TestDatabase::sqlite()).await;
    let (signed_out, other) = (new_athlete(), new_athlete());
    assert_eq!(app.call_as("GET", "/v1/me/connections", signed_out).await.status, 200);

    let revoked = SessionsRevoked { not_before_us: 2_000_000_000_000_000 };
    let body = AccountChanged { change: Some(Change::SessionsRevoked(revoked)) };
    app.publish_as(Topic::Accounts, signed_out, body).await;

    eventually(Duration::from_secs(10), "the session is refused", async || {
        match app.call_as("GET", "/v1/me/connections", signed_out).await.status {
            401 => Ok(()),
            status => Err(status),
        }
    })
    .await;
    assert_eq!(app.call_as("GET", "/v1/me/connections", other).await.status, 200);
    app.shut_down().await;
}

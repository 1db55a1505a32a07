//! Sessions that another service ended.

use contracts::Topic;
use contracts::accounts::{AccountChanged, SessionsRevoked, account_changed::Change};

use crate::test_app::{TestApp, message};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_elsewhere_is_refused_here() {
    let app = TestApp::new().await;
    let athlete = app.connect(strava_sim::GUARDIAN_ID).await;
    assert_eq!(app.get_as(athlete, "/v1/me/activities").await.status, 200);

    let revoked = SessionsRevoked { not_before_us: 2_000_000_000_000_000 };
    let body = AccountChanged { change: Some(Change::SessionsRevoked(revoked)) };
    app.publish(Topic::Accounts, message(Some(athlete.id), body)).await;
    app.wait_until_idle().await;

    assert_eq!(app.get_as(athlete, "/v1/me/activities").await.status, 401);
    app.shut_down().await;
}

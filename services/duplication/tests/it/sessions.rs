//! Sessions that another service ended.

use contracts::Topic;
use contracts::accounts::{AccountChanged, SessionsRevoked, account_changed::Change};

use crate::test_app::TestApp;

#[tokio::test]
async fn a_session_that_was_ended_elsewhere_is_refused_here() {
    let app = TestApp::start().await;
    assert_eq!(app.call("GET", "/v1/links", app.child, None).await.status, 200);

    let revoked = SessionsRevoked { not_before_us: 2_000_000_000_000_000 };
    let body = AccountChanged { change: Some(Change::SessionsRevoked(revoked)) };
    app.publish_of(Topic::Accounts, app.child, body).await;

    assert_eq!(app.call("GET", "/v1/links", app.child, None).await.status, 401);
    assert_eq!(app.call("GET", "/v1/links", app.guardian, None).await.status, 200);
    app.stop().await;
}

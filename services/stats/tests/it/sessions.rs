//! Sessions that another service ended.

use contracts::Topic;
use contracts::accounts::{AccountChanged, SessionsRevoked, account_changed::Change};

use crate::test_app::{TestApp, envelope, new_athlete};

#[tokio::test]
async fn a_session_that_was_ended_elsewhere_is_refused_here() {
    for database in testkit::databases().await {
        let app = TestApp::new(database).await;
        let (signed_out, other) = (new_athlete(), new_athlete());
        assert_eq!(app.get_summary(signed_out, "").await.status, 200);

        let revoked = SessionsRevoked { not_before_us: 2_000_000_000_000_000 };
        let body = AccountChanged { change: Some(Change::SessionsRevoked(revoked)) };
        app.publish(Topic::Accounts, envelope(Some(signed_out), Vec::new(), body)).await;
        app.wait_until_handled().await;

        assert_eq!(app.get_summary(signed_out, "").await.status, 401);
        assert_eq!(app.get_summary(other, "").await.status, 200);
        app.stop().await;
    }
}

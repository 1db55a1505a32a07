//! The answer to a commit is lost: what happened is found out from what is stored.

use std::time::Duration;

use contracts::athletes::{Erase, athlete_changed::Change};
use outbox::StoreFaults;
use serde_json::json;
use testkit::{TestDatabase, eventually};

use crate::test_app::{Run, TestApp, quick_settings};

/// Maximum number of faults that one transaction meets.
const MAX_FAULTS: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_that_is_repeated_after_a_failure_is_not_refused_as_a_second_one() {
    let faults = StoreFaults::io_errors();
    let app = TestApp::start_faulty(TestDatabase::sqlite(), quick_settings(), faults.clone()).await;
    faults.arm_only(&["propose_link"]);
    let body = json!({"child": app.child, "names": ["Milla"]});
    let propose = async || app.call("POST", "/v1/links", app.guardian, Some(body.clone())).await;
    let mut failures = 0;
    for _ in 0..MAX_FAULTS {
        let mut proposed = propose().await;
        while proposed.status == 503 {
            failures += 1;
            proposed = propose().await;
        }
        assert_eq!(proposed.status, 201, "{}", proposed.json());
        let path = proposed.header("location").to_owned();
        assert_eq!(app.call("DELETE", &path, app.child, None).await.status, 204);
        if faults.is_done("propose_link") {
            break;
        }
    }
    assert!(faults.is_done("propose_link") && failures > 2, "{failures}");
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawn_data_is_erased_whatever_fails_meanwhile() {
    let faults = StoreFaults::io_errors();
    let app = TestApp::start_faulty(TestDatabase::sqlite(), quick_settings(), faults.clone()).await;
    app.publish_connection(app.child, 2, &["read"]).await;
    app.create_link("Milla", false).await;
    faults.arm_only(&["erase"]);
    for round in 1..i64::try_from(MAX_FAULTS).unwrap() {
        let run = Run { generation: round, ..app.new_run("Sentinel with Milla").await };
        app.publish_activities(&[&run]).await;
        let through_generation = round;
        let erase = Change::Erase(Erase { application: 1, through_generation });
        app.publish_athlete_change(app.guardian, 10 + round, erase).await;
        eventually(Duration::from_mins(1), "it is erased", async || {
            if app.dump().await.contains("Sentinel") { Err(faults.names()) } else { Ok(()) }
        })
        .await;
        if faults.is_done("erase") {
            break;
        }
    }
    assert!(faults.is_done("erase"), "{:?}", faults.names());
    assert_eq!(app.strava.count_uploads().await, 0);
    app.stop().await;
}

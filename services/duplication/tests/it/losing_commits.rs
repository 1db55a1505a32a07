//! The answer to a commit is lost: what happened is found out from what is stored.

use std::time::Duration;

use contracts::athletes::{Erase, athlete_changed::Change};
use kernel::Timestamp;
use outbox::StoreFaults;
use testkit::{TestDatabase, eventually};

use crate::test_app::{GRANTED, Run, TestApp, child_invitation, quick_settings, redemption};

/// Maximum number of faults that one transaction meets.
const MAX_FAULTS: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_redemption_that_is_repeated_after_a_failure_is_not_refused_as_a_second_one() {
    let faults = StoreFaults::io_errors();
    let app = TestApp::start_faulty(TestDatabase::sqlite(), quick_settings(), faults.clone()).await;
    faults.arm_only(&["redeem_invitation"]);
    let mut failures = 0;
    for _ in 0..MAX_FAULTS {
        let code = app.invite(app.child, child_invitation()).await;
        let redeem = async || app.redeem(app.guardian, redemption(&code, &["Milla"])).await;
        let mut redeemed = redeem().await;
        while redeemed.status == 503 {
            failures += 1;
            redeemed = redeem().await;
        }
        assert_eq!(redeemed.status, 201, "{}", redeemed.json());
        let path = redeemed.header("location").to_owned();
        assert_eq!(app.call("DELETE", &path, app.guardian, None).await.status, 204);
        if faults.is_done("redeem_invitation") {
            break;
        }
    }
    assert!(faults.is_done("redeem_invitation") && failures > 2, "{failures}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_waits_goes_on_once_the_scope_is_granted_whatever_fails_meanwhile() {
    let faults = StoreFaults::io_errors();
    let app = TestApp::start_faulty(TestDatabase::sqlite(), quick_settings(), faults.clone()).await;
    // The runs are younger than the link.
    app.clock.set_offset(-20 * 86_400);
    let accept = format!("/v1/links/{}/accept", app.propose_link("Milla", false).await);
    assert_eq!(app.call("POST", &accept, app.child, None).await.status, 200);
    app.clock.set_offset(0);
    faults.arm_only(&["hold_copy_job"]);
    let (mut copied, mut generation) = (0, 2);
    while !faults.is_done("hold_copy_job") {
        assert!(copied < MAX_FAULTS, "{:?}", faults.names());
        app.publish_connection(app.child, generation, &["read"]).await;
        let mut run = app.new_run(&format!("Run {copied} with Milla")).await;
        let earlier = 20 * 60 * i64::try_from(copied).unwrap();
        run.start = Timestamp::from_secs(run.start.as_secs() - earlier);
        app.publish_activities(&[&run]).await;
        wait_for(&app, "reason", "scope-missing", 1).await;
        app.publish_connection(app.child, generation + 1, &GRANTED).await;
        (copied, generation) = (copied + 1, generation + 2);
        wait_for(&app, "state", "done", copied).await;
    }
    assert_eq!(app.strava.count_uploads().await, i64::try_from(copied).unwrap());
    app.stop().await;
}

async fn wait_for(app: &TestApp, field: &str, value: &str, count: usize) {
    eventually(Duration::from_mins(1), "so many copies are there", async || {
        let copies = app.copies().await;
        let found = copies.iter().filter(|copy| copy[field] == value).count();
        if found == count { Ok(()) } else { Err(copies) }
    })
    .await;
}

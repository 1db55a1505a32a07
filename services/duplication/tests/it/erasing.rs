//! Withdrawn data is erased, and nothing late brings it back.

use std::time::Duration;

use contracts::Topic;
use contracts::athletes::{Erase, Gone, athlete_changed::Change};

use crate::test_app::{GRANTED, Run, TestApp};

fn erase(through: i64) -> Change {
    Change::Erase(Erase { application: 1, through_generation: through })
}

/// Waits until the first pass of an erasure is answered.
async fn wait_for_answer(app: &TestApp) {
    testkit::eventually(Duration::from_secs(20), "the erasure is answered", async || {
        match app.published(Topic::Erasures).await.len() {
            1 => Ok(()),
            other => Err(other),
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_of_a_withdrawn_generation_changes_nothing() {
    for database in testkit::databases().await {
        let app = TestApp::start_on(database).await;
        app.create_link("Milla", false).await;
        app.publish_athlete_change(app.guardian, 5, erase(1)).await;

        app.publish_activities(&[&app.new_run("Run with Milla").await]).await;
        assert_eq!(app.copies().await.len(), 0);

        let newer = Run { generation: 2, ..app.new_run("Run with Milla").await };
        app.publish_activities(&[&newer]).await;
        app.wait_for_state("done").await;
        app.stop().await;
    }
}

#[tokio::test]
async fn a_queued_copy_of_a_withdrawn_source_is_not_sent_and_is_emptied() {
    let app = TestApp::start().await;
    app.publish_connection(app.child, 2, &["read"]).await;
    app.create_link("Milla", false).await;
    app.publish_activities(&[&app.new_run("Sentinel with Milla").await]).await;
    app.wait_for_reason("scope-missing").await;

    app.publish_athlete_change(app.guardian, 5, erase(1)).await;
    wait_for_answer(&app).await;
    app.publish_connection(app.child, 3, &GRANTED).await;

    let copy = app.wait_for_state("skipped").await;
    assert_eq!(
        (copy["reason"].as_str(), copy["name"].as_str()),
        (Some("source-withdrawn"), Some(""))
    );
    assert_eq!(app.strava.count_uploads().await, 0);
    assert!(!app.dump().await.contains("Sentinel"));
    app.stop().await;
}

#[tokio::test]
async fn a_child_who_withdraws_receives_nothing_more() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    app.publish_activities(&[&app.new_run("Run with Milla").await]).await;
    app.wait_for_state("done").await;

    app.publish_athlete_change(app.child, 5, erase(1)).await;
    wait_for_answer(&app).await;
    app.publish_connection(app.child, 1, &GRANTED).await;
    let copy = app.copies().await.remove(0);
    assert!(copy.get("strava_activity").is_none(), "{copy}");
    app.publish_activities(&[&app.new_run("Another with Milla").await]).await;

    assert_eq!(app.strava.count_uploads().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn an_account_that_is_gone_leaves_no_link_and_no_copy() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    app.publish_activities(&[&app.new_run("Sentinel with Milla").await]).await;
    app.wait_for_state("done").await;

    app.publish_athlete_change(app.child, 5, Change::Gone(Gone {})).await;
    wait_for_answer(&app).await;

    assert_eq!(app.copies().await.len(), 0);
    let dump = app.dump().await;
    assert!(!dump.contains("Sentinel") && !dump.contains("Milla"), "{dump}");
    app.stop().await;
}

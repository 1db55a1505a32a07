//! Copies that wait, and events that end the waiting.

use duplication::Settings;
use serde_json::json;
use testkit::TestDatabase;

use crate::test_app::{GRANTED, TestApp, quick_settings};

#[tokio::test]
async fn a_copy_waits_for_the_scope_and_goes_on_once_it_is_granted() {
    let app = TestApp::start().await;
    app.publish_connection(app.child, 2, &["read", "activity:read_all"]).await;
    app.create_link("Milla", false).await;
    app.publish_activities(&[&app.new_run("Run with Milla").await]).await;
    let waiting = app.wait_for_reason("scope-missing").await;
    assert_eq!((waiting["state"].as_str(), app.strava.count_uploads().await), (Some("planned"), 0));

    app.publish_connection(app.child, 3, &GRANTED).await;

    app.wait_for_state("done").await;
    app.stop().await;
}

#[tokio::test]
async fn ending_the_link_stops_a_queued_copy() {
    for database in testkit::databases().await {
        let app = TestApp::start_on(database).await;
        app.publish_connection(app.child, 2, &["read"]).await;
        let link = app.create_link("Milla", false).await;
        app.publish_activities(&[&app.new_run("Run with Milla").await]).await;
        app.wait_for_reason("scope-missing").await;

        assert_eq!(
            app.call("DELETE", &format!("/v1/links/{link}"), app.child, None).await.status,
            204
        );
        app.publish_connection(app.child, 3, &GRANTED).await;

        assert_eq!(app.wait_for_state("skipped").await["reason"], "link-ended");
        app.publish_activities(&[&app.new_run("Another with Milla").await]).await;
        assert_eq!((app.copies().await.len(), app.strava.count_uploads().await), (1, 0));
        app.stop().await;
    }
}

#[tokio::test]
async fn a_refused_lease_is_requested_again_at_the_instant_it_named() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let at = kernel::Timestamp::from_secs(app.now().as_secs() + 2);
    app.leases.set_refusal(Some((429, json!({"retry_at": at.to_rfc3339()}))));
    app.publish_activities(&[&app.new_run("Run with Milla").await]).await;
    app.wait_for_reason("rate-limited").await;
    app.leases.set_refusal(None);

    app.wait_for_state("done").await;

    assert!(app.now() >= at, "not before it may");
    assert_eq!(app.strava.count_uploads().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_lease_that_never_comes_says_why() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    app.leases.set_refusal(Some((
        409,
        json!({"type": "https://paceline.dev/problems/reconnect-needed"}),
    )));
    app.publish_activities(&[&app.new_run("Run with Milla").await]).await;
    app.wait_for_reason("reconnect-needed").await;

    app.leases.set_refusal(None);
    app.publish_connection(app.child, 2, &GRANTED).await;

    app.wait_for_state("done").await;
    app.stop().await;
}

#[tokio::test]
async fn streams_that_come_later_are_waited_for() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let run = app.new_run("Run with Milla").await;
    app.publish_activities(&[&run.without_streams()]).await;
    assert_eq!(app.wait_for_state("planned").await["reason"], "streams-pending");

    app.publish_activities(&[&run.with_revision(2)]).await;

    app.wait_for_state("done").await;
    app.stop().await;
}

#[tokio::test]
async fn a_streams_object_that_is_gone_was_superseded_and_is_waited_for() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let run = app.new_run("Run with Milla").await;
    app.delete_object(&run.streams.as_ref().unwrap().key).await;
    app.publish_activities(&[&run]).await;
    app.wait_for_reason("streams-gone").await;

    let newer = app.new_run("Run with Milla").await;
    app.publish_activities(&[&crate::test_app::Run {
        activity: run.activity,
        revision: 2,
        ..newer
    }])
    .await;

    app.wait_for_state("done").await;
    app.stop().await;
}

#[tokio::test]
async fn a_source_deleted_before_sending_is_not_sent_later_it_is_only_marked() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let run = app.new_run("Run with Milla").await;
    app.publish_activities(&[&run.without_streams()]).await;
    let gone = crate::test_app::Run { removed: true, ..run.with_revision(2) };
    app.publish_activities(&[&gone, &run.with_revision(1)]).await;
    assert_eq!(app.wait_for_state("skipped").await["reason"], "source-removed");
    assert_eq!(app.strava.count_uploads().await, 0);

    app.publish_activities(&[&run.with_revision(3)]).await;
    app.wait_for_state("done").await;
    app.publish_activities(&[&crate::test_app::Run { removed: true, ..run.with_revision(4) }])
        .await;

    let copy = app.copies().await.remove(0);
    assert_eq!(
        (copy["state"].as_str(), copy["source_removed_at"].is_string()),
        (Some("done"), true)
    );
    assert_eq!(app.strava.list_copies().await.len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn waking_a_copy_early_does_not_hasten_the_second_upload() {
    let settings = Settings { look_again_s: 6, ..quick_settings() };
    let app = TestApp::start_with(TestDatabase::sqlite(), settings).await;
    app.create_link("Milla", false).await;
    app.strava.inject_fault("POST /uploads", "reset").await;
    app.publish_activities(&[&app.new_run("Run with Milla").await]).await;
    app.wait_for_state("sending").await;

    for generation in 2..6 {
        app.publish_connection(app.child, generation, &GRANTED).await;
    }
    let sent_once = app.strava.count_uploads().await;
    app.wait_for_state("done").await;

    assert_eq!((sent_once, app.strava.count_uploads().await), (1, 2));
    app.stop().await;
}

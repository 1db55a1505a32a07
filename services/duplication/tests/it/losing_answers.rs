//! Uploads and polls that Strava answers badly, or not at all.

use serde_json::json;

use crate::test_app::TestApp;

const UPLOAD: &str = "POST /uploads";

#[tokio::test]
async fn an_upload_whose_answer_was_lost_is_found_and_not_sent_twice() {
    for database in testkit::databases().await {
        let app = TestApp::start_on(database).await;
        app.create_link("Milla", false).await;
        app.strava.inject_fault(UPLOAD, "answer_lost").await;

        app.publish_activities(&[&app.new_run("Run with Milla").await]).await;

        let copy = app.wait_for_state("done").await;
        assert_eq!(copy["reason"], "found-in-list");
        let copies = app.strava.list_copies().await;
        assert_eq!((copies.len(), app.strava.count_uploads().await), (1, 1));
        assert_eq!(copy["strava_activity"], copies[0]["id"]);
        app.stop().await;
    }
}

#[tokio::test]
async fn an_upload_that_never_arrived_is_sent_again_only_after_two_searches() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    app.strava.inject_fault(UPLOAD, "reset").await;

    app.publish_activities(&[&app.new_run("Run with Milla").await]).await;

    app.wait_for_state("done").await;
    assert_eq!((app.strava.list_copies().await.len(), app.strava.count_uploads().await), (1, 2));
    // Each look reads until the list ends.
    assert!(app.strava.count_calls("GET /athlete/activities").await >= 2);
    app.stop().await;
}

#[tokio::test]
async fn what_strava_surely_did_not_take_is_sent_again_without_a_look() {
    for kind in ["rate_limit", "unauthorized"] {
        let app = TestApp::start().await;
        app.create_link("Milla", false).await;
        app.strava.inject_fault(UPLOAD, kind).await;
        app.publish_activities(&[&app.new_run("Run with Milla").await]).await;
        if kind == "rate_limit" {
            assert_eq!(app.wait_for_reason("rate-limited").await["state"], "planned");
        } else {
            app.wait_for_state("done").await;
            assert_eq!(app.strava.count_uploads().await, 2);
        }
        assert_eq!(app.strava.count_calls("GET /athlete/activities").await, 0, "{kind}");
        app.stop().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_no_answer() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    app.strava.inject_fault(UPLOAD, "truncated").await;

    app.publish_activities(&[&app.new_run("Run with Milla").await]).await;

    app.wait_for_state("done").await;
    assert_eq!((app.strava.list_copies().await.len(), app.strava.count_uploads().await), (1, 1));
    app.stop().await;
}

#[tokio::test]
async fn polls_go_on_through_trouble_and_to_the_end() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    app.strava.control("uploads", json!({"polls": 1})).await;
    app.strava.inject_fault("GET /uploads/{id}", "server_error").await;

    app.publish_activities(&[&app.new_run("Run with Milla").await]).await;

    app.wait_for_state("done").await;
    assert_eq!(
        (app.strava.count_calls("GET /uploads/{id}").await, app.strava.count_uploads().await),
        (3, 1)
    );
    app.stop().await;
}

#[tokio::test]
async fn a_copy_that_the_child_deletes_at_once_has_failed() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    app.strava.control("uploads", json!({"deleted": true})).await;

    app.publish_activities(&[&app.new_run("Run with Milla").await]).await;

    assert_eq!(app.wait_for_state("failed").await["reason"], "deleted-at-strava");
    app.stop().await;
}

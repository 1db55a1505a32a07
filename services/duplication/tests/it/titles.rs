//! Titles of the guardian that a child may not read, or that are not even stored.

use serde_json::{Value, json};

use crate::test_app::{Run, TestApp};

async fn shown_to_child(app: &TestApp, path: &str) -> Value {
    app.call("GET", path, app.child, None).await.json()["items"].clone()
}

#[tokio::test]
async fn a_child_sees_nothing_of_an_activity_that_is_only_the_guardians() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let private = Run { visibility: "only_me", ..app.new_run("Birthday present for Milla").await };
    app.publish_activities(&[&private]).await;

    let copy = app.wait_for_reason("private").await;
    assert_eq!(copy["name"], "Birthday present for Milla", "the guardian sees why it was skipped");
    assert_eq!(shown_to_child(&app, "/v1/copies").await, json!([]));
    let path = format!("/v1/copies/{}", copy["id"].as_str().unwrap());
    assert_eq!(app.call("GET", &path, app.child, None).await.status, 404);

    let opened = Run { visibility: "everyone", ..private.with_revision(2) };
    app.publish_activities(&[&opened]).await;
    app.wait_for_state("done").await;
    assert_eq!(shown_to_child(&app, "/v1/copies").await[0]["name"], "Birthday present for Milla");
    app.stop().await;
}

#[tokio::test]
async fn a_title_that_no_longer_names_the_child_is_neither_shown_nor_kept() {
    for database in testkit::databases().await {
        let app = TestApp::start_on(database).await;
        app.create_link("Milla", false).await;
        let run = app.new_run("Run with Milla").await.without_streams();
        app.publish_activities(&[&run]).await;
        assert_eq!(shown_to_child(&app, "/v1/copies").await[0]["name"], "Run with Milla");

        for (revision, name) in [(2, "Sentinel at the clinic"), (3, "Sentinel again")] {
            app.publish_activities(&[&run.with_name(name).with_revision(revision)]).await;
        }

        let copy = app.wait_for_reason("no-longer-matches").await;
        assert_eq!(
            (copy["name"].as_str(), copy["source_changed_at"].is_string()),
            (Some("Run with Milla"), true)
        );
        assert_eq!(shown_to_child(&app, "/v1/copies").await, json!([]));
        assert!(!app.dump().await.contains("Sentinel"));

        let named = app.new_run("Hills with Milla").await;
        app.publish_activities(&[&Run { activity: run.activity, revision: 4, ..named }]).await;
        let copy = app.wait_for_state("done").await;
        assert_eq!(
            (copy["name"].as_str(), copy.get("source_changed_at")),
            (Some("Hills with Milla"), None)
        );
        app.stop().await;
    }
}

#[tokio::test]
async fn what_is_renamed_after_the_link_ended_is_neither_shown_nor_kept() {
    let app = TestApp::start().await;
    let link = app.create_link("Milla", false).await;
    let run = app.new_run("Run with Milla").await.without_streams();
    app.publish_activities(&[&run]).await;
    let ended = app.call("DELETE", &format!("/v1/links/{link}"), app.guardian, None).await;
    assert_eq!(ended.status, 204);

    for (revision, name) in [(2, "Sentinel alone"), (3, "Sentinel with Milla")] {
        app.publish_activities(&[&run.with_name(name).with_revision(revision)]).await;
    }

    let copy = app.wait_for_reason("link-ended").await;
    assert_eq!(
        (copy["name"].as_str(), copy["source_changed_at"].is_string()),
        (Some("Run with Milla"), true)
    );
    assert_eq!(shown_to_child(&app, "/v1/copies").await, json!([]));
    assert!(!app.dump().await.contains("Sentinel"));
    app.stop().await;
}

#[tokio::test]
async fn what_has_expired_is_not_kept_here_either_and_is_no_change() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    let run = app.new_run("Sentinel with Milla").await;
    app.publish_activities(&[&run]).await;
    app.wait_for_state("done").await;

    let mut expired = run.with_name("").with_revision(2).without_streams();
    (expired.expired, expired.replay) = (true, true);
    app.publish_activities(&[&expired]).await;

    app.wait_until_handled().await;
    assert!(!app.dump().await.contains("Sentinel"));
    let copy = app.wait_for_state("done").await;
    assert_eq!((copy["name"].as_str(), copy.get("source_changed_at")), (Some(""), None));
    app.stop().await;
}

#[tokio::test]
async fn what_a_child_does_not_see_takes_no_place_on_its_pages() {
    let app = TestApp::start().await;
    app.create_link("Milla", false).await;
    for (name, visibility) in [
        ("First with Milla", "everyone"),
        ("Hidden with Milla", "only_me"),
        ("Hidden again with Milla", "only_me"),
        ("Last with Milla", "everyone"),
    ] {
        let run = Run { visibility, ..app.new_run(name).await.without_streams() };
        app.publish_activities(&[&run]).await;
    }

    let mut path = "/v1/copies?limit=1".to_owned();
    let mut read = Vec::new();
    loop {
        let page = app.call("GET", &path, app.child, None).await;
        let names = page.json()["items"].as_array().unwrap().clone();
        read.push(names.iter().map(|copy| copy["name"].clone()).collect::<Vec<_>>());
        if page.header("link").is_empty() {
            break;
        }
        path = page.header("link").trim_start_matches('<').split('>').next().unwrap().to_owned();
    }

    assert_eq!(read, [[json!("Last with Milla")], [json!("First with Milla")]]);
    app.stop().await;
}

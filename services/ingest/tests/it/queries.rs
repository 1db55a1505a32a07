//! Queries of athletes.

use serde_json::json;
use strava_sim::{CHILD_ID, GUARDIAN_ID};

use crate::test_app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_read_in_pages_newest_first_and_whole() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let all = app.current_activities(athlete).await.len();

    let mut path = "/v1/me/activities?limit=7".to_owned();
    let mut seen = Vec::new();
    loop {
        let answer = app.get_as(athlete, &path).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        seen.extend(
            body["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["start"].as_str().unwrap().to_owned()),
        );
        let Some(link) = answer.headers.get("link") else { break };
        path = link.to_str().unwrap().split(['<', '>']).nth(1).unwrap().to_owned();
    }

    assert_eq!(seen.len(), all);
    assert!(seen.is_sorted_by(|one, next| one >= next));
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_athlete_sees_another_s_activities() {
    let app = TestApp::new().await;
    let (owner, other) = (app.connect(GUARDIAN_ID).await, app.connect(CHILD_ID).await);
    let known = app.current_activities(owner).await;
    let path = format!("/v1/me/activities/{}", known.values().next().unwrap().activity.activity);

    assert_eq!(app.get_as(owner, &path).await.status, 200);
    assert_eq!(app.get_as(other, &path).await.status, 404);
    assert_eq!(app.get(&path).await.status, 401);
    assert_eq!(app.get_as(owner, "/v1/me/activities/nonsense").await.status, 404);
    let mine = app.get_as(other, "/v1/me/activities?limit=200").await.json();
    let theirs = mine["items"]
        .as_array()
        .unwrap()
        .iter()
        .any(|item| path.ends_with(item["id"].as_str().unwrap()));
    assert!(!theirs);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_list_has_the_same_etag() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let first = app.get_as(athlete, "/v1/me/activities").await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let unchanged = async || {
        let token = app.get_as(athlete, "/v1/me/activities").await.headers["etag"]
            .to_str()
            .unwrap()
            .to_owned();
        token == tag
    };

    assert!(unchanged().await);
    let id = app.create_activity(athlete, json!({})).await;
    app.wait_for_activity(athlete, id).await;

    assert!(!unchanged().await);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_query_is_answered_with_the_invalid_field() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;

    for (path, field) in [
        ("/v1/me/activities?limit=0", "limit"),
        ("/v1/me/activities?limit=201", "limit"),
        ("/v1/me/activities?cursor=nonsense", "cursor"),
        ("/v1/me/journal?activity=nonsense", "activity"),
    ] {
        let answer = app.get_as(athlete, path).await;
        assert_eq!(answer.status, 422, "{path}: {answer:?}");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{path}");
    }
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_shows_the_steps_of_an_activity() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({})).await;
    app.wait_for_activity(athlete, id).await;
    app.wait_until_idle().await;

    let lines = app.get_as(athlete, "/v1/me/journal").await.json();

    let steps: Vec<_> = lines["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["fetched", "hinted"], "{lines}");
    assert_eq!(lines["items"][0]["strava_activity"], id);
    assert_eq!(lines["items"][0]["state"], "done");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivered_entry_of_another_service_is_stored_once() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let entry = contracts::journal::JournalEntry {
        service: "stats".into(),
        step: "counted".into(),
        state: "done".into(),
        ..Default::default()
    };
    let published = crate::test_app::message(Some(athlete.id), entry);

    app.publish(contracts::Topic::Journal, published.clone()).await;
    app.publish(contracts::Topic::Journal, published).await;
    app.wait_until_idle().await;

    let lines = app.get_as(athlete, "/v1/me/journal").await.json();
    let counted =
        lines["items"].as_array().unwrap().iter().filter(|line| line["step"] == "counted").count();
    assert_eq!(counted, 1);
    app.shut_down().await;
}

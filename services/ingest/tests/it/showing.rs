//! What athletes see of their own.

use serde_json::json;
use strava_sim::{CHILD_ID, GUARDIAN_ID};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_read_in_pages_newest_first_and_whole() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let all = world.known(person).await.len();

    let mut path = "/v1/me/activities?limit=7".to_owned();
    let mut seen = Vec::new();
    loop {
        let answer = world.ask(person, &path).await;
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
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_what_is_anothers() {
    let world = World::new().await;
    let (owner, other) = (world.connect(GUARDIAN_ID).await, world.connect(CHILD_ID).await);
    let known = world.known(owner).await;
    let path = format!("/v1/me/activities/{}", known.values().next().unwrap().activity.activity);

    assert_eq!(world.ask(owner, &path).await.status, 200);
    assert_eq!(world.ask(other, &path).await.status, 404);
    assert_eq!(world.get(&path).await.status, 401);
    assert_eq!(world.ask(owner, "/v1/me/activities/nonsense").await.status, 404);
    let mine = world.ask(other, "/v1/me/activities?limit=200").await.json();
    let theirs = mine["items"]
        .as_array()
        .unwrap()
        .iter()
        .any(|item| path.ends_with(item["id"].as_str().unwrap()));
    assert!(!theirs);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_changed_is_not_sent_again() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let first = world.ask(person, "/v1/me/activities").await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let unchanged = async || {
        let token = world.ask(person, "/v1/me/activities").await.headers["etag"]
            .to_str()
            .unwrap()
            .to_owned();
        token == tag
    };

    assert!(unchanged().await);
    let id = world.create(person, json!({})).await;
    world.eventually("it is told", async || world.known(person).await.contains_key(&id)).await;

    assert!(!unchanged().await);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_query_is_told_which_field_is_wrong() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;

    for (path, field) in [
        ("/v1/me/activities?limit=0", "limit"),
        ("/v1/me/activities?limit=201", "limit"),
        ("/v1/me/activities?cursor=nonsense", "cursor"),
        ("/v1/me/journal?activity=nonsense", "activity"),
    ] {
        let answer = world.ask(person, path).await;
        assert_eq!(answer.status, 422, "{path}: {answer:?}");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{path}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_answers_where_an_activity_is() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({})).await;
    world.eventually("it is told", async || world.known(person).await.contains_key(&id)).await;
    world.quiet().await;

    let lines = world.ask(person, "/v1/me/journal").await.json();

    let steps: Vec<_> = lines["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["step"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["fetched", "hinted"], "{lines}");
    assert_eq!(lines["items"][0]["strava_activity"], id);
    assert_eq!(lines["items"][0]["state"], "done");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_another_service_wrote_is_kept_once() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let entry = contracts::journal::JournalEntry {
        service: "stats".into(),
        step: "counted".into(),
        state: "done".into(),
        ..Default::default()
    };
    let told = crate::world::message(Some(person.athlete), entry);

    world.publish(contracts::Topic::Journal, told.clone()).await;
    world.publish(contracts::Topic::Journal, told).await;
    world.quiet().await;

    let lines = world.ask(person, "/v1/me/journal").await.json();
    let counted =
        lines["items"].as_array().unwrap().iter().filter(|line| line["step"] == "counted").count();
    assert_eq!(counted, 1);
    world.end().await;
}

//! Replays: answered and requested.

use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::wire::envelope::Payload;
use contracts::{Cause, Envelope, Topic};
use serde_json::json;
use strava_sim::GUARDIAN_ID;

use crate::test_app::{TestApp, message};
use service_kit::Service as _;

fn request(answer_on: Topic) -> ReplayRequested {
    ReplayRequested {
        id: uuid::Uuid::from_u128(77).to_string(),
        service: "stats".to_owned(),
        of: "activities".to_owned(),
        answer_on: answer_on.name().to_owned(),
        athlete: String::new(),
    }
}

async fn requested_replay(app: &TestApp) -> Option<ReplayRequested> {
    let records = app.bus.read_all(Topic::Replays).await.unwrap();
    records.into_iter().find_map(|record| match Envelope::decode(&record.value).unwrap().payload {
        Payload::ReplayRequested(asked) if asked.of == "athletes" => Some(asked),
        _ => None,
    })
}

async fn replay_ends(app: &TestApp, on: Topic) -> Vec<(i32, ReplayDone)> {
    let records = app.bus.read_all(on).await.unwrap();
    let done = records.into_iter().filter_map(|record| {
        match Envelope::decode(&record.value).unwrap().payload {
            Payload::ReplayDone(done) => Some((record.partition, done)),
            _ => None,
        }
    });
    done.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_publishes_all_with_revisions_causes_and_tombstones() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({})).await;
    app.wait_for_activity(athlete, id).await;
    app.delete_activity(id, false).await;
    app.wait_until("it is removed", async || {
        !app.current_activities(athlete).await.contains_key(&id)
    })
    .await;
    app.wait_until_idle().await;
    let before = app.published_activities(athlete).await;

    app.publish(Topic::Replays, message(None, request(Topic::ActivitiesBulk))).await;
    app.wait_until("it is done", async || {
        replay_ends(&app, Topic::ActivitiesBulk).await.len() == 3
    })
    .await;

    let replayed: Vec<_> = app
        .published_activities(athlete)
        .await
        .into_iter()
        .filter(|published| published.envelope.replay)
        .collect();
    let distinct: std::collections::BTreeSet<_> =
        before.iter().map(|published| &published.activity.activity).collect();
    assert_eq!(replayed.len(), distinct.len());
    for published in &replayed {
        let last = before
            .iter()
            .rfind(|first| first.activity.activity == published.activity.activity)
            .unwrap();
        assert_eq!(
            (&published.activity, published.envelope.cause),
            (&last.activity, last.envelope.cause)
        );
        assert_eq!(published.topic, Topic::ActivitiesBulk);
    }
    let tombstone =
        replayed.iter().find(|published| published.activity.strava_activity == id).unwrap();
    assert!(tombstone.activity.removed && tombstone.envelope.cause == Cause::Live);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_replay_is_published_on_every_partition() {
    let app = TestApp::new().await;
    app.connect(GUARDIAN_ID).await;

    app.publish(Topic::Replays, message(None, request(Topic::Activities))).await;
    app.wait_until("it is done", async || replay_ends(&app, Topic::Activities).await.len() == 3)
        .await;

    let done = replay_ends(&app, Topic::Activities).await;
    assert_eq!(done.iter().map(|(partition, _)| *partition).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(done.iter().all(|(_, done)| done.service == "stats" && done.of == "activities"));
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_replay_request_is_parked_and_the_next_one_is_answered() {
    let app = TestApp::new().await;
    app.connect(GUARDIAN_ID).await;
    let mut impossible = request(Topic::Activities);
    impossible.answer_on = "copies".to_owned();

    app.publish(Topic::Replays, message(None, impossible)).await;
    app.publish(Topic::Replays, message(None, request(Topic::Activities))).await;

    app.wait_until("the next is done", async || {
        replay_ends(&app, Topic::Activities).await.len() == 3
    })
    .await;
    assert_eq!(outbox::ParkedEvents::new(app.service.database().clone()).count().await.unwrap(), 1);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_database_requests_a_replay_and_is_complete_after_all_partitions() {
    let app = TestApp::new().await;
    app.wait_until("it requests a replay", async || requested_replay(&app).await.is_some()).await;
    let asked = requested_replay(&app).await.unwrap();
    assert_eq!((asked.service.as_str(), asked.answer_on.as_str()), ("ingest", "athletes"));
    let complete = async || {
        app.query_number("SELECT COUNT(*) FROM replay_state WHERE replay_id = ''").await == 1
    };
    assert!(!complete().await);

    let done = ReplayDone { id: asked.id, service: asked.service, of: asked.of };
    let publisher = app.bus.publisher(event_bus::PublisherKind::Relay);
    publisher
        .publish_to_every_partition(Topic::Athletes, message(None, done).encode())
        .await
        .unwrap();

    app.wait_until("it is complete", complete).await;
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_complete_only_after_every_actual_partition() {
    let app = TestApp::new().await;
    app.wait_until("it requests a replay", async || requested_replay(&app).await.is_some()).await;
    let asked = requested_replay(&app).await.unwrap();
    let complete = async || {
        app.query_number("SELECT COUNT(*) FROM replay_state WHERE replay_id = ''").await == 1
    };
    let done = ReplayDone { id: asked.id, service: asked.service, of: asked.of };

    app.publish(Topic::Athletes, message(None, done.clone())).await;
    app.wait_until_idle().await;
    assert!(!complete().await, "the topic has three partitions, and one has ended");

    let publisher = app.bus.publisher(event_bus::PublisherKind::Relay);
    publisher
        .publish_to_every_partition(Topic::Athletes, message(None, done).encode())
        .await
        .unwrap();
    app.wait_until("it is complete", complete).await;
    app.shut_down().await;
}

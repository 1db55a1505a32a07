//! Telling everything again, and asking for it.

use contracts::replays::{ReplayDone, ReplayRequested};
use contracts::wire::envelope::Payload;
use contracts::{Cause, Envelope, Topic};
use serde_json::json;
use strava_sim::GUARDIAN_ID;

use crate::world::{World, message};

fn request(answer_on: Topic) -> ReplayRequested {
    ReplayRequested {
        id: uuid::Uuid::from_u128(77).to_string(),
        service: "stats".to_owned(),
        of: "activities".to_owned(),
        answer_on: answer_on.name().to_owned(),
        athlete: String::new(),
    }
}

async fn asked_for_athletes(world: &World) -> Option<ReplayRequested> {
    let records = world.bus.read_all(Topic::Replays).await.unwrap();
    records.into_iter().find_map(|record| match Envelope::decode(&record.value).unwrap().payload {
        Payload::ReplayRequested(asked) if asked.of == "athletes" => Some(asked),
        _ => None,
    })
}

async fn done(world: &World, on: Topic) -> Vec<(i32, ReplayDone)> {
    let records = world.bus.read_all(on).await.unwrap();
    let done = records.into_iter().filter_map(|record| {
        match Envelope::decode(&record.value).unwrap().payload {
            Payload::ReplayDone(done) => Some((record.partition, done)),
            _ => None,
        }
    });
    done.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_tells_the_whole_state_with_its_revisions_causes_and_tombstones() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({})).await;
    world.eventually("it is told", async || world.known(person).await.contains_key(&id)).await;
    world.delete(id, false).await;
    world.eventually("it is removed", async || !world.known(person).await.contains_key(&id)).await;
    world.quiet().await;
    let before = world.messages(person).await;

    world.publish(Topic::Replays, message(None, request(Topic::ActivitiesBulk))).await;
    world
        .eventually("it is done", async || done(&world, Topic::ActivitiesBulk).await.len() == 3)
        .await;

    let replayed: Vec<_> =
        world.messages(person).await.into_iter().filter(|told| told.envelope.replay).collect();
    let distinct: std::collections::BTreeSet<_> =
        before.iter().map(|told| &told.activity.activity).collect();
    assert_eq!(replayed.len(), distinct.len());
    for told in &replayed {
        let last =
            before.iter().rfind(|first| first.activity.activity == told.activity.activity).unwrap();
        assert_eq!((&told.activity, told.envelope.cause), (&last.activity, last.envelope.cause));
        assert_eq!(told.topic, Topic::ActivitiesBulk);
    }
    let tombstone = replayed.iter().find(|told| told.activity.strava_activity == id).unwrap();
    assert!(tombstone.activity.removed && tombstone.envelope.cause == Cause::Live);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_replay_is_told_on_every_partition_of_its_topic() {
    let world = World::new().await;
    world.connect(GUARDIAN_ID).await;

    world.publish(Topic::Replays, message(None, request(Topic::Activities))).await;
    world.eventually("it is done", async || done(&world, Topic::Activities).await.len() == 3).await;

    let done = done(&world, Topic::Activities).await;
    assert_eq!(done.iter().map(|(partition, _)| *partition).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(done.iter().all(|(_, done)| done.service == "stats" && done.of == "activities"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_cannot_be_answered_is_parked_and_the_next_one_is_answered() {
    let world = World::new().await;
    world.connect(GUARDIAN_ID).await;
    let mut impossible = request(Topic::Activities);
    impossible.answer_on = "copies".to_owned();

    world.publish(Topic::Replays, message(None, impossible)).await;
    world.publish(Topic::Replays, message(None, request(Topic::Activities))).await;

    world
        .eventually("the next is done", async || done(&world, Topic::Activities).await.len() == 3)
        .await;
    assert_eq!(world.service.parked().count().await.unwrap(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_database_asks_for_every_connection_and_is_complete_when_all_partitions_have_ended() {
    let world = World::new().await;
    world.eventually("it asks", async || asked_for_athletes(&world).await.is_some()).await;
    let asked = asked_for_athletes(&world).await.unwrap();
    assert_eq!((asked.service.as_str(), asked.answer_on.as_str()), ("ingest", "athletes"));
    let complete =
        async || world.number("SELECT COUNT(*) FROM caught_up WHERE replay_id = ''").await == 1;
    assert!(!complete().await);

    let done = ReplayDone { id: asked.id, service: asked.service, of: asked.of };
    let publisher = world.bus.publisher(event_bus::PublisherKind::Relay);
    publisher
        .publish_to_every_partition(Topic::Athletes, message(None, done).encode())
        .await
        .unwrap();

    world.eventually("it is complete", complete).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_partition_the_topic_really_has_must_end_and_no_setting_says_how_many_there_are() {
    let world = World::new().await;
    world.eventually("it asks", async || asked_for_athletes(&world).await.is_some()).await;
    let asked = asked_for_athletes(&world).await.unwrap();
    let complete =
        async || world.number("SELECT COUNT(*) FROM caught_up WHERE replay_id = ''").await == 1;
    let done = ReplayDone { id: asked.id, service: asked.service, of: asked.of };

    world.publish(Topic::Athletes, message(None, done.clone())).await;
    world.quiet().await;
    assert!(!complete().await, "the topic has three partitions, and one has ended");

    let publisher = world.bus.publisher(event_bus::PublisherKind::Relay);
    publisher
        .publish_to_every_partition(Topic::Athletes, message(None, done).encode())
        .await
        .unwrap();
    world.eventually("it is complete", complete).await;
    world.end().await;
}

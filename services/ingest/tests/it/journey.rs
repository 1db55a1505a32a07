//! From a webhook to the log.

use contracts::streams_codec::StreamSet;
use contracts::{Cause, Topic};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::json;
use strava_sim::GUARDIAN_ID;
use testkit::TestDatabase;

use crate::world::{World, settings, strava};

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_becomes_an_activity_with_its_streams_on_both_engines() {
    for database in [TestDatabase::sqlite(), TestDatabase::mariadb().await] {
        let world = World::with(database, strava(20), settings()).await;
        let person = world.connect(GUARDIAN_ID).await;

        let id = world.create(person, json!({"name": "Run with Milla"})).await;
        world
            .eventually("the activity is told", async || {
                world.known(person).await.contains_key(&id)
            })
            .await;

        let told = world.known(person).await.remove(&id).unwrap();
        assert_eq!(
            (told.topic, told.envelope.cause, told.envelope.replay),
            (Topic::Activities, Cause::Live, false)
        );
        assert_eq!(told.name(), "Run with Milla");
        assert!(told.activity.facts.as_ref().unwrap().has_details);
        let streams = told.activity.streams.unwrap();
        let key = format!("athletes/{}/strava/1/1/{id}/", person.athlete);
        assert!(streams.key.starts_with(&key), "{}", streams.key);
        let packed =
            world.objects.get(&Path::from(streams.key)).await.unwrap().bytes().await.unwrap();
        assert_eq!(packed.len() as i64, streams.bytes);
        let set = StreamSet::decode(&zstd::decode_all(packed.as_ref()).unwrap()).unwrap();
        assert_eq!(set.points() as i64, streams.points);
        assert!(set.kinds().contains(&"latlng"));
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_reported_with_what_strava_said_of_its_budget() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let before = world.leases.reports().len();

    world.create(person, json!({})).await;
    world.eventually("it is reported", async || world.leases.reports().len() > before).await;

    let report = world.leases.reports().pop().unwrap();
    assert_eq!(
        (report["reads"].as_i64(), report["status"].as_i64()),
        (Some(2), Some(200)),
        "{report}"
    );
    assert!(report["limits"]["read_usage"]["quarter"].is_number(), "{report}");
    let asked = world.leases.asked().pop().unwrap();
    assert_eq!(
        (asked["purpose"].as_str(), asked["generation"].as_i64()),
        (Some("live"), Some(1)),
        "{asked}"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_title_costs_one_call_and_keeps_the_streams() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({})).await;
    world.eventually("it is told", async || world.known(person).await.contains_key(&id)).await;
    world.quiet().await;
    let streams = world.calls("GET /activities/{id}/streams").await;

    world.edit(id, json!({"name": "Run without Milla"})).await;
    world
        .eventually("the edit is told", async || {
            world.known(person).await[&id].name() == "Run without Milla"
        })
        .await;

    assert_eq!(world.calls("GET /activities/{id}/streams").await, streams);
    assert!(world.known(person).await[&id].activity.streams.is_some());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_position_is_in_any_record_of_the_log() {
    let world = World::new().await;
    let person = world.connect(GUARDIAN_ID).await;
    let id = world.create(person, json!({})).await;
    world.eventually("it is told", async || world.known(person).await.contains_key(&id)).await;
    world.quiet().await;

    let told = world.known(person).await.remove(&id).unwrap();
    let packed = world.objects.get(&Path::from(told.activity.streams.unwrap().key)).await.unwrap();
    let packed = packed.bytes().await.unwrap();
    let set = StreamSet::decode(&zstd::decode_all(packed.as_ref()).unwrap()).unwrap();
    let degrees = set.latitude_e7[set.points() / 2] as f64 / 1e7;
    let mut scaled = Vec::new();
    prost::encoding::encode_varint((set.latitude_e7[set.points() / 2] as u64) << 1, &mut scaled);
    let sentinels = [
        format!("{degrees:.4}").into_bytes(),
        degrees.to_le_bytes().to_vec(),
        (degrees as f32).to_le_bytes().to_vec(),
        scaled,
    ];
    for topic in Topic::ALL {
        for record in world.bus.read_all(topic).await.unwrap() {
            for sentinel in &sentinels {
                let found = record.value.windows(sentinel.len()).any(|window| window == sentinel);
                assert!(!found, "{topic} carries a position");
            }
        }
    }
    world.end().await;
}

//! From a webhook to the log.

use contracts::streams_codec::StreamSet;
use contracts::{Cause, Topic};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::json;
use strava_sim::GUARDIAN_ID;
use testkit::TestDatabase;

use crate::test_app::{TestApp, settings, strava_options};

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_becomes_an_activity_with_its_streams_on_both_engines() {
    for database in [TestDatabase::sqlite(), TestDatabase::mariadb().await] {
        let app = TestApp::with(database, strava_options(20), settings()).await;
        let athlete = app.connect(GUARDIAN_ID).await;

        let id = app.create_activity(athlete, json!({"name": "Run with Milla"})).await;
        app.wait_for_activity(athlete, id).await;

        let published = app.current_activities(athlete).await.remove(&id).unwrap();
        assert_eq!(
            (published.topic, published.envelope.cause, published.envelope.replay),
            (Topic::Activities, Cause::Live, false)
        );
        assert_eq!(published.name(), "Run with Milla");
        assert!(published.activity.facts.as_ref().unwrap().has_details);
        let streams = published.activity.streams.unwrap();
        let key = format!("athletes/{}/strava/1/1/{id}/", athlete.id);
        assert!(streams.key.starts_with(&key), "{}", streams.key);
        let packed =
            app.objects.get(&Path::from(streams.key)).await.unwrap().bytes().await.unwrap();
        assert_eq!(packed.len() as i64, streams.bytes);
        let set = StreamSet::decode(&zstd::decode_all(packed.as_ref()).unwrap()).unwrap();
        assert_eq!(set.points() as i64, streams.points);
        assert!(set.kinds().contains(&"latlng"));
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_reported_with_strava_s_rate_limits() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let before = app.leases.reports().len();

    app.create_activity(athlete, json!({})).await;
    app.wait_until("it is reported", async || app.leases.reports().len() > before).await;

    let report = app.leases.reports().pop().unwrap();
    assert_eq!(
        (report["reads"].as_i64(), report["status"].as_i64()),
        (Some(2), Some(200)),
        "{report}"
    );
    assert!(report["limits"]["read_usage"]["quarter"].is_number(), "{report}");
    let asked = app.leases.requests().pop().unwrap();
    assert_eq!(
        (asked["purpose"].as_str(), asked["generation"].as_i64()),
        (Some("live"), Some(1)),
        "{asked}"
    );
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_title_costs_one_call_and_keeps_the_streams() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({})).await;
    app.wait_for_activity(athlete, id).await;
    app.wait_until_idle().await;
    let streams = app.call_count("GET /activities/{id}/streams").await;

    app.edit_activity(id, json!({"name": "Run without Milla"})).await;
    app.wait_until("the edit is published", async || {
        app.current_activities(athlete).await[&id].name() == "Run without Milla"
    })
    .await;

    assert_eq!(app.call_count("GET /activities/{id}/streams").await, streams);
    assert!(app.current_activities(athlete).await[&id].activity.streams.is_some());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_position_is_in_any_record_of_the_log() {
    let app = TestApp::new().await;
    let athlete = app.connect(GUARDIAN_ID).await;
    let id = app.create_activity(athlete, json!({})).await;
    app.wait_for_activity(athlete, id).await;
    app.wait_until_idle().await;

    let published = app.current_activities(athlete).await.remove(&id).unwrap();
    let packed =
        app.objects.get(&Path::from(published.activity.streams.unwrap().key)).await.unwrap();
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
        for record in app.bus.read_all(topic).await.unwrap() {
            for sentinel in &sentinels {
                let found = record.value.windows(sentinel.len()).any(|window| window == sentinel);
                assert!(!found, "{topic} carries a position");
            }
        }
    }
    app.shut_down().await;
}

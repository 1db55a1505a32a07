//! Starting: beside another, with a wrong setting, and on a directory that another log has served.

use contracts::wire::envelope::Payload;
use contracts::{Cause, Envelope, Topic, record_key};
use event_bus::PublisherKind;
use kernel::{Clock, EventId, Ids, SystemClock, SystemIds};
use serde_json::json;
use strava_sim::GUARDIAN_ID;
use testkit::Process;

use crate::world::{PATIENCE, Setup, Topics, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_paceline_up_on_the_same_data_directory_refuses_with_a_clear_message() {
    let mut world = World::start(Setup::default()).await;

    let mut second = world.run_beside("up", &[], &[]);

    let status = second.wait_for_exit(PATIENCE).await;
    assert_eq!(status.code(), Some(1));
    let told = said(&second, "another paceline runs on the data directory").await;
    assert!(told.contains(world.data().to_str().unwrap()), "{told}");
    assert!(told.contains("--data-dir"), "{told}");
    // The first one is none the worse for it.
    assert_eq!(world.readiness().await.0, 200);
    world.stop().await;
}

#[tokio::test]
async fn a_wrong_setting_names_the_key_where_it_came_from_and_what_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paceline.toml");
    std::fs::write(&file, "[kafka]\npartitions = \"many\"\n").unwrap();
    let data = folder.path().join("data");
    let common = ["up", "--data-dir", data.to_str().unwrap()];

    let mut from_file = Process::start(
        env!("CARGO_BIN_EXE_paceline"),
        common.into_iter().chain(["--config", file.to_str().unwrap()]),
        [],
    );
    let mut from_variable = Process::start(
        env!("CARGO_BIN_EXE_paceline"),
        common,
        [("PACELINE_STATS__WATCH_S", "soon")],
    );
    let mut unknown =
        Process::start(env!("CARGO_BIN_EXE_paceline"), common, [("PACELINE_STATS__WATHC_S", "1")]);

    assert_eq!(from_file.wait_for_exit(PATIENCE).await.code(), Some(78));
    let told = said(&from_file, "kafka.partitions").await;
    assert!(told.contains(file.to_str().unwrap()), "{told}");
    assert_eq!(from_variable.wait_for_exit(PATIENCE).await.code(), Some(78));
    let told = said(&from_variable, "stats.watch_s").await;
    assert!(told.contains("PACELINE_STATS__WATCH_S"), "{told}");
    assert_eq!(unknown.wait_for_exit(PATIENCE).await.code(), Some(78));
    said(&unknown, "PACELINE_STATS__WATHC_S").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn started_with_kafka_it_works_off_what_the_built_in_log_still_holds() {
    let topics = Topics::new();
    let mut world = World::start(Setup::default()).await;
    let guardian = world.person("Ana", GUARDIAN_ID).await;
    guardian.connect(&world).await;
    guardian.counts_the_truth(&world).await;
    let silent = world.record_as(GUARDIAN_ID, "Hinted only", &json!({"silent": true})).await;
    world.stop().await;
    publish_hint(&world, silent).await;
    assert!(world.log().await.total_lag().await.unwrap() > 0);

    let Setup { settings, .. } = Setup::default().on(&topics);
    world.settings = settings;
    world.up(&[]).await;

    guardian.counts_the_truth(&world).await;
    world.record(GUARDIAN_ID, "On Kafka").await;
    guardian.counts_the_truth(&world).await;
    world.stop().await;
    assert_eq!(world.log().await.total_lag().await.unwrap(), 0);
    let on_kafka = topics.records().await;
    let is_hint = |value: &[u8]| matches!(Envelope::decode(value).unwrap().payload, Payload::Hint(hint) if hint.object_id == silent);
    assert!(!on_kafka.iter().any(|(_, value)| is_hint(value)), "it was handled where it lay");
    assert!(on_kafka.iter().any(|(topic, _)| *topic == Topic::StravaEvents));
    topics.remove().await;
}

/// A hint that reached the log, and nobody since.
async fn publish_hint(world: &World, activity: i64) {
    let now = SystemClock::new().now();
    let payload = Payload::Hint(contracts::strava::Hint {
        application: 1,
        owner: GUARDIAN_ID,
        object_type: contracts::strava::ObjectType::Activity.into(),
        object_id: activity,
        aspect: contracts::strava::Aspect::Create.into(),
        event_time_s: now.as_secs(),
        subscription: 1,
        ..Default::default()
    });
    let key = record_key(Topic::StravaEvents, None, &payload);
    let envelope = Envelope {
        event_id: EventId::from_uuid(SystemIds.uuid_v7(now)),
        occurred_at: now,
        athlete: None,
        origins: Vec::new(),
        cause: Cause::Live,
        replay: false,
        traceparent: String::new(),
        payload,
    };
    let publisher = world.log().await.publisher(PublisherKind::Intake);
    publisher.publish(Topic::StravaEvents, &key, envelope.encode()).await.unwrap();
}

/// What the process wrote, once it holds this.
async fn said(process: &Process, part: &str) -> String {
    testkit::eventually(PATIENCE, &format!("it says {part:?}"), async || {
        let told = process.output();
        if told.contains(part) { Ok(told) } else { Err(told) }
    })
    .await
}

//! Tests of the built-in log alone: one process, one reader per group, exact retention, no cost when idle.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use contracts::Topic;
use event_bus::{BuiltInLogSettings, Bus, BusError, PublishError, PublisherKind, Subscription};
use kernel::{ManualClock, Timestamp};
use lifecycle::Stop;
use sea_orm::{ConnectOptions, ConnectionTrait};

use crate::support::{
    RecordingHandler, RunningSubscription, TOPIC, TestLog, TestParking, envelope, log_settings,
    publish,
};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn a_second_opening_of_the_same_log_is_refused_with_a_clear_message() {
    let log = TestLog::open_built_in(1).await;
    let file = log.folder().join("bus.db");
    let refused = Bus::open_built_in(log_settings(file.clone(), 1)).await.unwrap_err();
    assert!(matches!(refused, BusError::LogInUse { .. }));
    let message = refused.to_string();
    assert!(
        message.contains("in use by another process") && message.contains("bus.db"),
        "{message}"
    );
    drop(log.bus);
    Bus::open_built_in(log_settings(file, 1)).await.unwrap();
}

#[tokio::test]
async fn a_group_has_one_reader() {
    let log = TestLog::open_built_in(1).await;
    let running = RunningSubscription::start_group(&log.bus, "one", &RecordingHandler::new());
    log.publish([(1, 1)]).await;
    crate::support::eventually("the first reader to be there", || running.is_running()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let second =
        Subscription::new("one", TestParking::default()).on(TOPIC, RecordingHandler::new());
    let refused = second.run(&log.bus, Stop::new(), Stop::new()).await.unwrap_err();
    assert!(refused.to_string().contains("the group one already reads"), "{refused}");
    running.stop().await;
    // Once it has ended another may read.
    let running = RunningSubscription::start_group(&log.bus, "one", &RecordingHandler::new());
    running.stop().await;
}

#[tokio::test]
async fn an_expired_record_is_deleted_and_reading_goes_on_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_790_000_000)));
    let settings = BuiltInLogSettings {
        partitions: 1,
        retention: HOUR * 48,
        ..BuiltInLogSettings::new(folder.path().join("bus.db"), clock.clone())
    };
    let bus = Bus::open_built_in(settings.clone()).await.unwrap();
    bus.ensure_topics(&[TOPIC]).await.unwrap();
    publish(&bus, (0..5_000).map(|number| (1, number))).await;
    clock.advance(HOUR * 47);
    publish(&bus, [(1, 5_000)]).await;
    assert_eq!(bus.read_all(TOPIC).await.unwrap().len(), 5_001);
    clock.advance(HOUR * 2);
    publish(&bus, [(1, 5_001)]).await;
    // The sweep follows the publish that found it due.
    bus.check_health().await.unwrap();
    let left: Vec<i64> =
        bus.read_all(TOPIC).await.unwrap().iter().map(|record| record.offset).collect();
    assert_eq!(left, [5_000, 5_001]);
    // A group that never read anything begins with what is left.
    let handler = RecordingHandler::new();
    let running = RunningSubscription::start_group(&bus, "late", &handler);
    handler.wait_for(2).await;
    running.stop().await;
    assert_eq!(handler.handled(), [(1, 5_000), (1, 5_001)]);
    assert_eq!(bus.total_lag().await.unwrap(), 0);
    drop(bus);
    // A long absence: swept at the start, and offsets go on where they were.
    clock.advance(HOUR * 100);
    let bus = Bus::open_built_in(settings).await.unwrap();
    assert!(bus.read_all(TOPIC).await.unwrap().is_empty());
    publish(&bus, [(1, 5_002)]).await;
    assert_eq!(bus.read_all(TOPIC).await.unwrap()[0].offset, 5_002);
}

#[tokio::test]
async fn a_deleted_record_is_gone_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_790_000_000)));
    let file = folder.path().join("bus.db");
    let settings = BuiltInLogSettings {
        partitions: 1,
        ..BuiltInLogSettings::new(file.clone(), clock.clone())
    };
    let bus = Bus::open_built_in(settings.clone()).await.unwrap();
    bus.ensure_topics(&[TOPIC]).await.unwrap();
    let sentinel = b"a sentinel that nobody else writes".to_vec();
    for _ in 0..50 {
        bus.publisher(PublisherKind::Relay)
            .publish(TOPIC, "owner-1", sentinel.clone())
            .await
            .unwrap();
    }
    clock.advance(HOUR * 60);
    bus.publisher(PublisherKind::Relay).publish(TOPIC, "owner-1", b"later".to_vec()).await.unwrap();
    bus.check_health().await.unwrap();
    drop(bus);
    // Reopened and closed, the write-ahead log has been worked into the file.
    drop(Bus::open_built_in(settings).await.unwrap());
    let contains = |bytes: Vec<u8>| bytes.windows(sentinel.len()).any(|window| window == sentinel);
    assert!(!contains(std::fs::read(&file).unwrap()));
}

#[tokio::test]
async fn the_number_of_partitions_is_fixed_when_a_topic_is_created() {
    let log = TestLog::open_built_in(3).await;
    let file = log.folder().join("bus.db");
    log.publish((0..30).map(|number| (number, number))).await;
    let before = log.bus.read_all(TOPIC).await.unwrap();
    let _folder = log.into_folder();
    let bus = Bus::open_built_in(log_settings(file, 12)).await.unwrap();
    let report = &bus.ensure_topics(&[TOPIC]).await.unwrap()[0];
    assert_eq!((report.created, report.partitions, report.differences.len()), (false, 3, 1));
    assert_eq!(bus.read_all(TOPIC).await.unwrap(), before);
}

#[tokio::test]
async fn a_topic_that_does_not_exist_refuses_and_cannot_be_read() {
    let log = TestLog::open_built_in(1).await;
    let answer = log
        .bus
        .publisher(PublisherKind::Intake)
        .publish(Topic::Copies, "k", envelope(1, 1).encode())
        .await;
    assert_eq!(answer, Err(PublishError::Refused("the topic copies does not exist".to_owned())));
    let subscription =
        Subscription::new("one", TestParking::default()).on(Topic::Copies, RecordingHandler::new());
    let refused = subscription.run(&log.bus, Stop::new(), Stop::new()).await.unwrap_err();
    assert_eq!(refused.to_string(), "the topic copies does not exist");
}

#[tokio::test]
async fn eight_idle_groups_use_less_than_a_hundredth_of_a_core() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("file:{}", folder.path().join("bus.db").display());
    let output = Command::new(crate::kill::child_program())
        .args([&address, "idle", "5"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let ms: u64 = output
        .trim()
        .strip_prefix("CPU ")
        .and_then(|rest| rest.split(' ').next())
        .unwrap()
        .parse()
        .unwrap();
    assert!(ms <= 50, "{output}");
}

#[tokio::test]
async fn prefixes_keep_logs_in_one_file_apart() {
    let folder = tempfile::tempdir().unwrap();
    let settings = |prefix: &str| BuiltInLogSettings {
        prefix: prefix.to_owned(),
        ..log_settings(folder.path().join("bus.db"), 1)
    };
    let count = async |prefix: &str| {
        let bus = Bus::open_built_in(settings(prefix)).await.unwrap();
        bus.read_all(TOPIC).await.map(|records| records.len())
    };
    for (prefix, records) in [("a.", 1), ("b.", 2), ("", 3)] {
        let bus = Bus::open_built_in(settings(prefix)).await.unwrap();
        bus.ensure_topics(&[TOPIC]).await.unwrap();
        publish(&bus, (0..records).map(|number| (1, number))).await;
        bus.delete_topics().await;
        assert_eq!(
            bus.read_all(TOPIC).await.is_ok(),
            prefix.is_empty(),
            "only topics with a prefix are deleted"
        );
        if prefix == "a." {
            bus.ensure_topics(&[TOPIC]).await.unwrap();
            publish(&bus, [(1, 1)]).await;
        }
    }
    assert_eq!(count("a.").await.unwrap(), 1);
    assert_eq!(count("").await.unwrap(), 3);
    assert!(matches!(count("b.").await, Err(BusError::UnknownTopic(_))));
}

#[tokio::test]
async fn a_log_that_can_only_be_read_is_not_healthy_until_it_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_790_000_000)));
    let file = folder.path().join("bus.db");
    let bus = Bus::open_built_in(BuiltInLogSettings::new(file.clone(), clock)).await.unwrap();
    let mut options = ConnectOptions::new(format!("sqlite://{}", file.display()));
    options.max_connections(1);
    let other = sea_orm::Database::connect(options).await.unwrap();
    other.execute_unprepared("BEGIN IMMEDIATE").await.unwrap();

    assert!(bus.check_health().await.is_err(), "somebody else holds the file");

    other.execute_unprepared("ROLLBACK").await.unwrap();
    testkit::eventually(HOUR, "it is healthy", async || bus.check_health().await).await;
}

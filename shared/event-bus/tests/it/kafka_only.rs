//! Tests of Kafka alone: several members of a group, an unavailable broker, the same partitions as the built-in log.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use contracts::Topic;
use event_bus::{
    Bus, KafkaSettings, PublishError, PublisherKind, Scram, ScramMechanism, Security, Subscription,
};
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio::time::sleep;

use crate::support::{
    RecordingHandler, RunningSubscription, TOPIC, TestLog, TestParking, envelope, eventually,
    publish,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_joining_member_takes_partitions_over_without_loss_or_overlap() {
    let log = TestLog::open_kafka(6).await;
    let in_progress: Arc<Mutex<BTreeSet<i64>>> = Arc::default();
    let overlaps = Arc::new(AtomicUsize::new(0));
    // Slow enough that a takeover would meet what still runs.
    let slow = || {
        let (in_progress, overlaps) = (Arc::clone(&in_progress), Arc::clone(&overlaps));
        RecordingHandler::with_reaction(move |owner, _, _| {
            if !in_progress.lock().unwrap().insert(owner) {
                overlaps.fetch_add(1, Ordering::SeqCst);
            }
            let in_progress = Arc::clone(&in_progress);
            Box::pin(async move {
                sleep(Duration::from_millis(300)).await;
                in_progress.lock().unwrap().remove(&owner);
                Ok(())
            })
        })
    };
    let member = |handler: &RecordingHandler| {
        Subscription::new("one", TestParking::default()).on(TOPIC, handler.clone()).lanes(40)
    };
    let (first, second) = (slow(), slow());
    publish(&log.bus, (0..1_200).map(|number| (number % 40, number))).await;
    let one = RunningSubscription::start(&log.bus, member(&first));
    first.wait_for(80).await;
    let other = log.open_second_bus().await;
    let two = RunningSubscription::start(&other, member(&second));
    eventually("the second has a share", || second.count() > 0).await;
    assert!(first.count() < 1_200, "the first was busy until then");
    let distinct =
        || first.handled().into_iter().chain(second.handled()).collect::<BTreeSet<_>>().len();
    eventually("everything handled", || distinct() == 1_200).await;
    // Leaving works as joining does.
    two.stop().await;
    publish(&log.bus, (1_200..1_300).map(|number| (number % 40, number))).await;
    eventually("the rest handled by the first", || distinct() == 1_300).await;
    one.stop().await;
    assert_eq!(overlaps.load(Ordering::SeqCst), 0, "a key was handled by both at once");
    // What the first had settled ahead of an older record of the same partition comes again; not more.
    let repeated = first.count() + second.count() - 1_300;
    assert!(repeated < 100, "{repeated} of 1,300 were handled twice");
    for handler in [&first, &second] {
        let by_owner = handler.by_owner();
        assert!(
            by_owner.values().all(|numbers| numbers.is_sorted()),
            "order holds within a key and a member"
        );
    }
    log.close().await;
}

#[tokio::test]
async fn an_unavailable_broker_is_reported_within_seconds() {
    // A port nobody listens on: bound, then given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let bus = Bus::open_kafka(KafkaSettings::new(format!("127.0.0.1:{port}"))).await.unwrap();
    let started = Instant::now();
    let answer = bus
        .publisher(PublisherKind::Intake)
        .publish(TOPIC, "owner-1", envelope(1, 1).encode())
        .await;
    assert!(
        matches!(answer, Err(PublishError::Unconfirmed | PublishError::Unavailable)),
        "{answer:?}"
    );
    assert!(bus.check_health().await.is_err());
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_key_lies_in_the_same_partition_as_in_the_built_in_log() {
    let (kafka, built_in) = (TestLog::open_kafka(5).await, TestLog::open_built_in(5).await);
    let hints: Vec<_> = (0..60).map(|owner| (owner, 0)).collect();
    kafka.publish(hints.clone()).await;
    built_in.publish(hints).await;
    let mut partitions_by_key = Vec::new();
    for log in [&kafka, &built_in] {
        let all = log.bus.read_all(TOPIC).await.unwrap();
        let mut keys: Vec<_> =
            all.into_iter().map(|record| (record.key, record.partition)).collect();
        keys.sort();
        partitions_by_key.push(keys);
    }
    assert_eq!(partitions_by_key[0], partitions_by_key[1]);
    kafka.close().await;
}

#[tokio::test]
async fn a_topic_gets_its_retention_and_a_different_one_is_reported() {
    let log = TestLog::open_kafka(1).await;
    let other = KafkaSettings {
        partitions: 2,
        prefix: log.prefix().to_owned(),
        retention: Duration::from_hours(1),
        ..KafkaSettings::new(testkit::kafka_brokers())
    };
    let report = Bus::open_kafka(other).await.unwrap().ensure_topics(&[TOPIC]).await.unwrap();
    assert_eq!(
        report[0].differences,
        ["1 partitions instead of 2", "retention.ms is 172800000 instead of 3600000"]
    );
    assert!(log.bus.ensure_topics(&[TOPIC]).await.unwrap()[0].differences.is_empty());
    log.close().await;
}

#[tokio::test]
async fn warming_up_takes_a_second_and_the_first_record_then_little() {
    let log = TestLog::open_kafka(1).await;
    let bus = log.open_second_bus().await;
    let started = Instant::now();
    bus.warm_up().await.unwrap();
    let warm = started.elapsed();
    let started = Instant::now();
    bus.publisher(PublisherKind::Intake)
        .publish(TOPIC, "owner-1", envelope(1, 1).encode())
        .await
        .unwrap();
    let first = started.elapsed();
    // A loaded machine gets some slack; a cold producer would take half a second on its own.
    assert!(
        warm < Duration::from_secs(2) && first < Duration::from_millis(400),
        "{warm:?}, then {first:?}"
    );
    assert!(
        bus.publisher(PublisherKind::Intake).publish(Topic::Copies, "k", vec![1]).await.is_err()
    );
    log.close().await;
}

#[tokio::test]
async fn tls_and_scram_are_accepted_and_a_missing_ca_file_is_named() {
    let scram = |tls, ca: Option<&str>| Scram {
        mechanism: ScramMechanism::Sha512,
        user: "paceline".to_owned(),
        password: "secret".into(),
        tls,
        ca: ca.map(Into::into),
    };
    let open_with =
        |security| Bus::open_kafka(KafkaSettings { security, ..KafkaSettings::new("127.0.0.1:1") });
    open_with(Security::Tls { ca: None }).await.unwrap();
    open_with(Security::Scram(scram(true, None))).await.unwrap();
    open_with(Security::Scram(scram(false, None))).await.unwrap();
    let refused =
        open_with(Security::Scram(scram(true, Some("/nowhere/ca.pem")))).await.unwrap_err();
    let chain = format!("{:#}", anyhow::Error::from(refused));
    assert!(chain.contains("ca.pem") && !chain.contains("secret"), "{chain}");
}

/// By librdkafka's mock cluster, which can refuse what a real broker rarely does.
#[tokio::test]
async fn a_producer_that_died_is_replaced() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC.name(), 1, 1).unwrap();
    // An idempotent producer that is refused its id is dead for good.
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    // Both producers of a bus ask for an id at once; one of the refusals is for the other one.
    cluster.request_errors(RDKafkaApiKey::InitProducerId, &[refusal, refusal]);
    let bus = Bus::open_kafka(KafkaSettings::new(cluster.bootstrap_servers())).await.unwrap();
    let publisher = bus.publisher(PublisherKind::Intake);
    let first = publisher.publish(TOPIC, "owner-1", envelope(1, 1).encode()).await;
    assert!(first.is_err(), "{first:?}");
    // If the other one asked late, the first replacement was refused too.
    let second = publisher.publish(TOPIC, "owner-1", envelope(1, 2).encode()).await;
    if second.is_err() {
        publisher.publish(TOPIC, "owner-1", envelope(1, 3).encode()).await.unwrap();
    }
}

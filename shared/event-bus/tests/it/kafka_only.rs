//! What only Kafka can show: several members of a group, a broker that is away, and the same partition as the built-in log.

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

use crate::support::{Notes, Parked, Running, TOPIC, World, envelope, eventually, publish};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_joins_takes_partitions_over_without_loss_and_never_while_the_other_is_at_it()
{
    let world = World::kafka(6).await;
    let at_it: Arc<Mutex<BTreeSet<i64>>> = Arc::default();
    let overlaps = Arc::new(AtomicUsize::new(0));
    // Slow enough that a takeover would meet what still runs.
    let slow = || {
        let (at_it, overlaps) = (Arc::clone(&at_it), Arc::clone(&overlaps));
        Notes::reacting(move |owner, _, _| {
            if !at_it.lock().unwrap().insert(owner) {
                overlaps.fetch_add(1, Ordering::SeqCst);
            }
            let at_it = Arc::clone(&at_it);
            Box::pin(async move {
                sleep(Duration::from_millis(300)).await;
                at_it.lock().unwrap().remove(&owner);
                Ok(())
            })
        })
    };
    let member = |notes: &Notes| {
        Subscription::new("one", Parked::default()).on(TOPIC, notes.clone()).lanes(40)
    };
    let (first, second) = (slow(), slow());
    publish(&world.bus, (0..1_200).map(|number| (number % 40, number))).await;
    let one = Running::start(&world.bus, member(&first));
    first.reaches(80).await;
    let other = world.again().await;
    let two = Running::start(&other, member(&second));
    eventually("the second has a share", || second.count() > 0).await;
    assert!(first.count() < 1_200, "the first was busy until then");
    let distinct = || first.all().into_iter().chain(second.all()).collect::<BTreeSet<_>>().len();
    eventually("everything handled", || distinct() == 1_200).await;
    // Leaving works as joining does.
    two.stop().await;
    publish(&world.bus, (1_200..1_300).map(|number| (number % 40, number))).await;
    eventually("the rest handled by the first", || distinct() == 1_300).await;
    one.stop().await;
    assert_eq!(overlaps.load(Ordering::SeqCst), 0, "a key was handled by both at once");
    // What the first had settled ahead of an older record of the same partition comes again; not more.
    let repeated = first.count() + second.count() - 1_300;
    assert!(repeated < 100, "{repeated} of 1,300 were handled twice");
    for notes in [&first, &second] {
        let by_owner = notes.by_owner();
        assert!(
            by_owner.values().all(|numbers| numbers.is_sorted()),
            "order holds within a key and a member"
        );
    }
    world.close().await;
}

#[tokio::test]
async fn a_broker_that_is_away_is_said_within_two_seconds() {
    // A port nobody listens on: bound, then given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let bus = Bus::open_kafka(KafkaSettings::new(format!("127.0.0.1:{port}"))).await.unwrap();
    let begun = Instant::now();
    let answer = bus
        .publisher(PublisherKind::Intake)
        .publish(TOPIC, "owner-1", envelope(1, 1).encode())
        .await;
    assert!(
        matches!(answer, Err(PublishError::Unconfirmed | PublishError::Unavailable)),
        "{answer:?}"
    );
    assert!(bus.check_health().await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_key_lies_in_the_same_partition_as_in_the_built_in_log() {
    let (kafka, built_in) = (World::kafka(5).await, World::built_in(5).await);
    let hints: Vec<_> = (0..60).map(|owner| (owner, 0)).collect();
    kafka.publish(hints.clone()).await;
    built_in.publish(hints).await;
    let mut places = Vec::new();
    for world in [&kafka, &built_in] {
        let all = world.bus.read_all(TOPIC).await.unwrap();
        let mut of: Vec<_> = all.into_iter().map(|record| (record.key, record.partition)).collect();
        of.sort();
        places.push(of);
    }
    assert_eq!(places[0], places[1]);
    kafka.close().await;
}

#[tokio::test]
async fn a_topic_has_the_retention_it_was_asked_for_and_says_when_it_has_another() {
    let world = World::kafka(1).await;
    let other = KafkaSettings {
        partitions: 2,
        prefix: world.prefix().to_owned(),
        retention: Duration::from_hours(1),
        ..KafkaSettings::new(testkit::kafka_brokers())
    };
    let report = Bus::open_kafka(other).await.unwrap().ensure_topics(&[TOPIC]).await.unwrap();
    assert_eq!(
        report[0].differences,
        ["1 partitions instead of 2", "retention.ms is 172800000 instead of 3600000"]
    );
    assert!(world.bus.ensure_topics(&[TOPIC]).await.unwrap()[0].differences.is_empty());
    world.close().await;
}

#[tokio::test]
async fn warming_up_takes_less_than_a_second_and_the_first_record_then_little() {
    let world = World::kafka(1).await;
    let bus = world.again().await;
    let begun = Instant::now();
    bus.warm_up().await.unwrap();
    let warm = begun.elapsed();
    let begun = Instant::now();
    bus.publisher(PublisherKind::Intake)
        .publish(TOPIC, "owner-1", envelope(1, 1).encode())
        .await
        .unwrap();
    let first = begun.elapsed();
    // A loaded machine gets some slack; a cold producer would take half a second on its own.
    assert!(
        warm < Duration::from_secs(2) && first < Duration::from_millis(400),
        "{warm:?}, then {first:?}"
    );
    assert!(
        bus.publisher(PublisherKind::Intake).publish(Topic::Copies, "k", vec![1]).await.is_err()
    );
    world.close().await;
}

#[tokio::test]
async fn tls_and_a_name_with_a_password_are_understood_and_a_missing_authority_is_named() {
    let scram = |tls, ca: Option<&str>| Scram {
        mechanism: ScramMechanism::Sha512,
        user: "paceline".to_owned(),
        password: "secret".into(),
        tls,
        ca: ca.map(Into::into),
    };
    let over =
        |security| Bus::open_kafka(KafkaSettings { security, ..KafkaSettings::new("127.0.0.1:1") });
    over(Security::Tls { ca: None }).await.unwrap();
    over(Security::Scram(scram(true, None))).await.unwrap();
    over(Security::Scram(scram(false, None))).await.unwrap();
    let refused = over(Security::Scram(scram(true, Some("/nowhere/ca.pem")))).await.unwrap_err();
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
    cluster.request_errors(RDKafkaApiKey::InitProducerId, &[refusal]);
    let bus = Bus::open_kafka(KafkaSettings::new(cluster.bootstrap_servers())).await.unwrap();
    let publisher = bus.publisher(PublisherKind::Intake);
    let first = publisher.publish(TOPIC, "owner-1", envelope(1, 1).encode()).await;
    assert!(first.is_err(), "{first:?}");
    publisher.publish(TOPIC, "owner-1", envelope(1, 2).encode()).await.unwrap();
}

//! Tests that hold on both transports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use contracts::journal::JournalEntry;
use contracts::{Envelope, Event, MAX_RECORD_BYTES, Origin, Topic};
use event_bus::{
    BusError, HandleError, Handler, OutgoingRecord, PublishError, PublisherKind, Received,
    Subscription,
};
use kernel::{ApplicationId, AthleteId, Generation, Ids, SystemIds, Timestamp};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

use crate::support::{
    NeverParked, RecordingHandler, RunningSubscription, TOPIC, TestLog, TestParking, envelope,
    failed, outgoing, unavailable,
};

pub(crate) async fn records_of_a_key_are_handled_in_order_and_none_is_lost(log: &TestLog) {
    let hints: Vec<_> =
        (0..50).flat_map(|number| (0..20).map(move |owner| (owner, number))).collect();
    log.publish(hints[..500].to_vec()).await;
    let handler = RecordingHandler::with_reaction(|owner, number, _| {
        Box::pin(async move {
            sleep(Duration::from_micros(((owner * 7 + number * 13) % 11) as u64 * 100)).await;
            Ok(())
        })
    });
    let running = RunningSubscription::start_group(&log.bus, "one", &handler);
    log.publish(hints[500..].to_vec()).await;
    handler.wait_for(1_000).await;
    running.stop().await;
    let wanted: BTreeMap<i64, Vec<i64>> = (0..20).map(|owner| (owner, (0..50).collect())).collect();
    assert_eq!(handler.by_owner(), wanted);
}

pub(crate) async fn what_was_settled_does_not_come_again_after_a_restart(log: &TestLog) {
    log.publish((0..60).map(|number| (number % 7, number))).await;
    let first = RecordingHandler::new();
    let running = RunningSubscription::start_group(&log.bus, "one", &first);
    first.wait_for(60).await;
    running.stop().await;
    log.publish((60..70).map(|number| (number % 7, number))).await;
    let second = RecordingHandler::new();
    let running = RunningSubscription::start_group(&log.bus, "one", &second);
    second.wait_for(10).await;
    running.stop().await;
    assert_eq!(
        second.handled().into_iter().map(|(_, number)| number).collect::<BTreeSet<_>>(),
        (60..70).collect()
    );
}

pub(crate) async fn epochs_are_kept_by_their_names(log: &TestLog) {
    log.bus.ensure_topics(&[Topic::Accounts]).await.unwrap();
    assert_eq!(log.bus.epoch("stats").await.unwrap(), 0);
    for epoch in [1, 7, 7, 3] {
        log.bus.set_epoch("stats", epoch).await.unwrap();
        assert_eq!(log.bus.epoch("stats").await.unwrap(), epoch);
    }
    assert_eq!(log.bus.epoch("ingest").await.unwrap(), 0);
}

pub(crate) async fn a_record_interrupted_by_a_hard_stop_comes_again(log: &TestLog) {
    log.publish([(1, 1), (1, 2)]).await;
    let (send, mut started) = mpsc::unbounded_channel();
    let stuck = RecordingHandler::with_reaction(move |_, number, _| {
        send.send(number).unwrap();
        Box::pin(std::future::pending())
    });
    let running = RunningSubscription::start_group(&log.bus, "one", &stuck);
    assert_eq!(started.recv().await, Some(1));
    running.stop_hard().await;
    let handler = RecordingHandler::new();
    let running = RunningSubscription::start_group(&log.bus, "one", &handler);
    handler.wait_for(2).await;
    running.stop().await;
    assert_eq!(handler.handled(), [(1, 1), (1, 2)]);
}

pub(crate) async fn a_soft_stop_finishes_the_running_record(log: &TestLog) {
    log.publish([(1, 1)]).await;
    let gate = Arc::new(Semaphore::new(0));
    let (send, mut started) = mpsc::unbounded_channel();
    let held = Arc::clone(&gate);
    let slow = RecordingHandler::with_reaction(move |_, number, _| {
        send.send(number).unwrap();
        let held = Arc::clone(&held);
        Box::pin(async move {
            held.acquire().await.unwrap().forget();
            Ok(())
        })
    });
    let running = RunningSubscription::start_group(&log.bus, "one", &slow);
    assert_eq!(started.recv().await, Some(1));
    running.request_stop();
    sleep(Duration::from_millis(50)).await;
    assert_eq!(slow.count(), 0);
    gate.add_permits(1);
    running.stop().await;
    assert_eq!(slow.handled(), [(1, 1)]);
    // It was committed: the next run begins after it.
    log.publish([(1, 2)]).await;
    let handler = RecordingHandler::new();
    let running = RunningSubscription::start_group(&log.bus, "one", &handler);
    handler.wait_for(1).await;
    running.stop().await;
    assert_eq!(handler.handled(), [(1, 2)]);
}

pub(crate) async fn two_groups_each_receive_everything_at_their_own_pace(log: &TestLog) {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let (fast, slow) = (
        RecordingHandler::new(),
        RecordingHandler::with_reaction(move |_, _, _| {
            let held = Arc::clone(&held);
            Box::pin(async move {
                held.acquire().await.unwrap().forget();
                Ok(())
            })
        }),
    );
    let one = RunningSubscription::start_group(&log.bus, "one", &fast);
    let two = RunningSubscription::start_group(&log.bus, "two", &slow);
    log.publish((0..40).map(|number| (number % 5, number))).await;
    fast.wait_for(40).await;
    assert_eq!(slow.count(), 0);
    gate.add_permits(40);
    slow.wait_for(40).await;
    one.stop().await;
    two.stop().await;
    assert_eq!(fast.by_owner(), slow.by_owner());
}

pub(crate) async fn a_group_that_starts_late_reads_from_the_beginning(log: &TestLog) {
    log.publish((0..10).map(|number| (0, number))).await;
    let handler = RecordingHandler::new();
    let running = RunningSubscription::start_group(&log.bus, "late", &handler);
    handler.wait_for(10).await;
    running.stop().await;
    assert_eq!(handler.by_owner(), BTreeMap::from([(0, (0..10).collect())]));
}

pub(crate) async fn a_record_that_cannot_be_handled_is_parked_and_the_next_is_handled(
    log: &TestLog,
) {
    let publisher = log.bus.publisher(PublisherKind::Intake);
    publisher.publish(TOPIC, "owner-1", b"\xff\xff no envelope".to_vec()).await.unwrap();
    publisher.publish(TOPIC, "owner-1", envelope(1, 13).encode()).await.unwrap();
    publisher.publish(TOPIC, "owner-1", envelope(1, 14).encode()).await.unwrap();
    let handler = RecordingHandler::with_reaction(|_, number, _| {
        Box::pin(async move {
            if number == 13 {
                Err(HandleError::Rejected(anyhow::anyhow!("thirteen is not handled")))
            } else {
                Ok(())
            }
        })
    });
    let parked = TestParking::default();
    let subscription = Subscription::new("one", parked.clone()).on(TOPIC, handler.clone());
    let running = RunningSubscription::start(&log.bus, subscription);
    handler.wait_for(1).await;
    running.stop().await;
    assert_eq!(handler.handled(), [(1, 14)]);
    let parked = parked.records();
    assert_eq!(parked.len(), 2);
    assert_eq!(parked[0].0.value, b"\xff\xff no envelope");
    assert_eq!(parked[0].0.key, "owner-1");
    assert!(parked[0].1.contains("not an envelope"), "{}", parked[0].1);
    assert!(parked[1].1.contains("thirteen is not handled"), "{}", parked[1].1);
    // Its offset advanced: it does not come again.
    let again = RecordingHandler::new();
    let running = RunningSubscription::start_group(&log.bus, "one", &again);
    log.publish([(1, 15)]).await;
    again.wait_for(1).await;
    running.stop().await;
    assert_eq!(again.handled(), [(1, 15)]);
}

pub(crate) async fn a_failing_record_is_parked_and_delays_no_other_key(log: &TestLog) {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&attempts);
    let handler = RecordingHandler::with_reaction(move |owner, number, attempt| {
        let failing = owner == 1 && number == 0;
        if failing {
            assert_eq!(counted.fetch_add(1, Ordering::SeqCst) + 1, attempt as usize);
        }
        Box::pin(async move { if failing { Err(failed()) } else { Ok(()) } })
    });
    let parked = TestParking::default();
    let subscription = Subscription::new("one", parked.clone())
        .on(TOPIC, handler.clone())
        .max_attempts(4)
        .lanes(1);
    // One lane: the failing record must leave it to the others while it waits.
    log.publish((0..100).flat_map(|number| [(1, number), (2, number), (3, number)])).await;
    let running = RunningSubscription::start(&log.bus, subscription);
    handler.wait_for(200).await;
    assert!(
        parked.records().is_empty(),
        "the other keys were done before the failing record gave up"
    );
    assert!(
        handler.handled().iter().all(|(owner, _)| *owner != 1),
        "order holds within the failing key"
    );
    handler.wait_for(299).await;
    running.stop().await;
    assert_eq!(attempts.load(Ordering::SeqCst), 4);
    assert_eq!(parked.records().len(), 1);
    assert_eq!(handler.by_owner()[&1], (1..100).collect::<Vec<_>>());
}

pub(crate) async fn what_may_not_be_parked_is_tried_until_it_succeeds(log: &TestLog) {
    let handler = RecordingHandler::with_reaction(|_, number, attempt| {
        Box::pin(async move {
            match (number, attempt) {
                (1, 1) => Err(HandleError::Rejected(anyhow::anyhow!("no"))),
                (1, 2..4) => Err(failed()),
                _ => Ok(()),
            }
        })
    });
    let parked = TestParking::default();
    let subscription = Subscription::new("one", parked.clone())
        .on(TOPIC, NeverParked(handler.clone()))
        .max_attempts(1);
    log.publish([(1, 1), (1, 2)]).await;
    let running = RunningSubscription::start(&log.bus, subscription);
    handler.wait_for(2).await;
    running.stop().await;
    assert_eq!(handler.handled(), [(1, 1), (1, 2)]);
    assert!(parked.records().is_empty());
}

pub(crate) async fn a_handler_that_panics_parks_the_record_and_nothing_else(log: &TestLog) {
    let handler = RecordingHandler::with_reaction(|_, number, _| {
        Box::pin(async move {
            assert_ne!(number, 1, "this number panics (the test wants it so)");
            Ok(())
        })
    });
    let parked = TestParking::default();
    let subscription =
        Subscription::new("one", parked.clone()).on(TOPIC, handler.clone()).max_attempts(2);
    log.publish([(1, 1), (1, 2)]).await;
    let running = RunningSubscription::start(&log.bus, subscription);
    handler.wait_for(1).await;
    assert!(running.is_running());
    running.stop().await;
    assert_eq!(handler.handled(), [(1, 2)]);
    assert_eq!(parked.records().len(), 1);
}

pub(crate) async fn a_slow_key_does_not_hold_up_another(log: &TestLog) {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let handler = RecordingHandler::with_reaction(move |owner, _, _| {
        let held = Arc::clone(&held);
        Box::pin(async move {
            if owner == 1 {
                held.acquire().await.unwrap().forget();
            }
            Ok(())
        })
    });
    let subscription =
        Subscription::new("one", TestParking::default()).on(TOPIC, handler.clone()).lanes(2);
    log.publish((0..100).flat_map(|number| [(1, number), (2, number), (3, number)])).await;
    let running = RunningSubscription::start(&log.bus, subscription);
    handler.wait_for(200).await;
    assert!(handler.handled().iter().all(|(owner, _)| *owner != 1));
    gate.add_permits(100);
    handler.wait_for(300).await;
    running.stop().await;
}

pub(crate) async fn an_outage_pauses_without_loss_and_without_counting(log: &TestLog) {
    let outage = Arc::new(AtomicBool::new(true));
    let tries = Arc::new(AtomicUsize::new(0));
    let (in_outage, tried) = (Arc::clone(&outage), Arc::clone(&tries));
    let handler = RecordingHandler::with_reaction(move |_, _, attempt| {
        assert_eq!(attempt, 1, "no attempt counts during an outage");
        tried.fetch_add(1, Ordering::SeqCst);
        let in_outage = in_outage.load(Ordering::SeqCst);
        Box::pin(async move { if in_outage { Err(unavailable()) } else { Ok(()) } })
    });
    let parked = TestParking::default();
    let subscription =
        Subscription::new("one", parked.clone()).on(TOPIC, handler.clone()).max_attempts(1);
    log.publish((0..60).map(|number| (number % 6, number))).await;
    let running = RunningSubscription::start(&log.bus, subscription);
    crate::support::eventually("a second round of tries", || tries.load(Ordering::SeqCst) > 12)
        .await;
    sleep(Duration::from_millis(500)).await;
    let during = tries.load(Ordering::SeqCst);
    assert!(during < 200, "{during} tries in less than a second are no pause");
    assert_eq!(handler.count(), 0);
    outage.store(false, Ordering::SeqCst);
    handler.wait_for(60).await;
    running.stop().await;
    assert!(parked.records().is_empty());
    let wanted: BTreeMap<i64, Vec<i64>> =
        (0..6).map(|owner| (owner, (0..10).map(|n| n * 6 + owner).collect())).collect();
    assert_eq!(handler.by_owner(), wanted);
}

pub(crate) async fn parking_that_fails_is_tried_again_and_nothing_is_skipped(log: &TestLog) {
    let publisher = log.bus.publisher(PublisherKind::Intake);
    publisher.publish(TOPIC, "owner-1", b"no envelope".to_vec()).await.unwrap();
    log.publish([(1, 2)]).await;
    let (handler, parked) = (RecordingHandler::new(), TestParking::failing(3));
    let subscription =
        Subscription::new("one", parked.clone()).on(TOPIC, handler.clone()).max_attempts(1);
    let running = RunningSubscription::start(&log.bus, subscription);
    handler.wait_for(1).await;
    running.stop().await;
    assert_eq!(parked.records().len(), 1);
}

struct JournalHandler(mpsc::UnboundedSender<String>);

impl Handler for JournalHandler {
    type Event = JournalEntry;

    async fn handle(&self, event: &Received<JournalEntry>) -> Result<(), HandleError> {
        self.0.send(event.body.step.clone()).map_err(|error| HandleError::Rejected(error.into()))
    }
}

pub(crate) async fn a_kind_without_a_handler_is_skipped(log: &TestLog) {
    let entry = JournalEntry { step: "fetched".to_owned(), ..JournalEntry::default() };
    let value = Envelope { payload: entry.into_payload(), ..envelope(1, 1) }.encode();
    log.publish([(1, 1)]).await;
    log.bus.publisher(PublisherKind::Relay).publish(TOPIC, "owner-1", value).await.unwrap();
    let (send, mut steps) = mpsc::unbounded_channel();
    let parked = TestParking::default();
    // Of two kinds in the topic this group handles one …
    let running = RunningSubscription::start(
        &log.bus,
        Subscription::new("one", parked.clone()).on(TOPIC, JournalHandler(send.clone())),
    );
    assert_eq!(steps.recv().await.as_deref(), Some("fetched"));
    running.stop().await;
    // … and another group handles both, each by its own handler.
    let handler = RecordingHandler::new();
    let both = Subscription::new("two", parked.clone())
        .on(TOPIC, JournalHandler(send))
        .on(TOPIC, handler.clone());
    let running = RunningSubscription::start(&log.bus, both);
    assert_eq!(steps.recv().await.as_deref(), Some("fetched"));
    running.stop().await;
    assert_eq!(handler.handled(), [(1, 1)]);
    assert!(parked.records().is_empty());
}

pub(crate) async fn more_records_than_fit_in_memory_are_read_in_portions_in_order(log: &TestLog) {
    // All of one key, so that all lie in one partition: more than three times as many as may be unsettled.
    log.publish((0..4_000).map(|number| (1, number))).await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let handler = RecordingHandler::with_reaction(move |_, _, _| {
        let held = Arc::clone(&held);
        Box::pin(async move {
            held.acquire().await.unwrap().forget();
            Ok(())
        })
    });
    let running = RunningSubscription::start_group(&log.bus, "one", &handler);
    sleep(Duration::from_millis(500)).await;
    gate.add_permits(4_000);
    handler.wait_for(4_000).await;
    running.stop().await;
    assert_eq!(handler.by_owner()[&1], (0..4_000).collect::<Vec<_>>());
}

pub(crate) async fn a_record_for_every_partition_reaches_each_once(log: &TestLog) {
    let publisher = log.bus.publisher(PublisherKind::Relay);
    publisher.publish_to_every_partition(TOPIC, envelope(1, 1).encode()).await.unwrap();
    let to_all = OutgoingRecord { to_every_partition: true, ..outgoing(1, 2) };
    assert_eq!(publisher.publish_many(vec![outgoing(1, 3), to_all]).await, [Ok(()), Ok(())]);
    let all = log.bus.read_all(TOPIC).await.unwrap();
    let partitions = |number: i64| {
        let all = all.iter().filter(|record| {
            Envelope::decode(&record.value).unwrap().occurred_at == envelope(1, number).occurred_at
        });
        all.map(|record| record.partition).collect::<Vec<_>>()
    };
    assert_eq!(partitions(1), [0, 1, 2]);
    assert_eq!(partitions(2), [0, 1, 2]);
    assert_eq!(partitions(3).len(), 1);
}

pub(crate) async fn a_record_too_large_is_refused_and_its_neighbours_are_not(log: &TestLog) {
    let large = OutgoingRecord { value: vec![0; MAX_RECORD_BYTES + 1], ..outgoing(1, 2) };
    let largest = OutgoingRecord { value: vec![0; MAX_RECORD_BYTES], ..outgoing(1, 3) };
    let publisher = log.bus.publisher(PublisherKind::Relay);
    let answers = publisher.publish_many(vec![outgoing(1, 1), large, largest]).await;
    assert_eq!(answers[0], Ok(()));
    assert!(
        matches!(&answers[1], Err(PublishError::Refused(reason)) if reason.contains("16385 bytes")),
        "{:?}",
        answers[1]
    );
    assert_eq!(answers[2], Ok(()));
    assert_eq!(log.bus.read_all(TOPIC).await.unwrap().len(), 2);
    // A topic that does not exist takes nothing.
    let refused = log
        .bus
        .publisher(PublisherKind::Intake)
        .publish(Topic::Copies, "owner-1", envelope(1, 4).encode())
        .await;
    assert!(refused.is_err());
}

pub(crate) async fn an_existing_topic_is_left_as_it_is_and_its_difference_named(log: &TestLog) {
    let again = log.bus.ensure_topics(&[TOPIC, Topic::Copies]).await.unwrap();
    assert_eq!(
        (again[0].created, again[0].partitions, again[0].differences.len()),
        (false, 3, 0),
        "{again:?}"
    );
    assert_eq!((again[1].created, again[1].partitions), (true, 3));
}

pub(crate) async fn partitions_are_counted_and_an_unknown_topic_is_not_created(log: &TestLog) {
    assert_eq!(log.bus.partition_count(TOPIC).await.unwrap(), 3);
    for _ in 0..2 {
        let error = log.bus.partition_count(Topic::Copies).await.unwrap_err();
        assert!(matches!(error, BusError::UnknownTopic(Topic::Copies)), "{error}");
    }
    let report = log.bus.ensure_topics(&[Topic::Copies]).await.unwrap();
    assert!(report[0].created, "asking for the count created the topic");
    assert_eq!(log.bus.partition_count(Topic::Copies).await.unwrap(), 3);
}

pub(crate) async fn what_is_not_settled_is_counted(log: &TestLog) {
    let gate = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&gate);
    let handler = RecordingHandler::with_reaction(move |_, _, _| {
        let held = Arc::clone(&held);
        Box::pin(async move {
            held.acquire().await.unwrap().forget();
            Ok(())
        })
    });
    let running = RunningSubscription::start_group(&log.bus, "one", &handler);
    // A group counts from its first reading on.
    gate.add_permits(1);
    log.publish([(1, 0)]).await;
    handler.wait_for(1).await;
    log.publish((0..30).map(|number| (number % 3, number))).await;
    let lag = log.bus.total_lag().await.unwrap();
    // The first one is handled; on Kafka that is committed within a second.
    assert!((30..=31).contains(&lag), "{lag}");
    assert_eq!(log.bus.lag_of_groups(&["one"]).await.unwrap(), lag);
    assert!(
        log.bus.lag_of_groups(&["one", "two"]).await.is_err(),
        "the lag of a group that does not read is unknown"
    );
    gate.add_permits(30);
    handler.wait_for(31).await;
    running.stop().await;
    assert_eq!(log.bus.total_lag().await.unwrap(), 0);
}

struct ForwardingHandler(mpsc::UnboundedSender<Received<contracts::strava::Hint>>);

impl Handler for ForwardingHandler {
    type Event = contracts::strava::Hint;

    async fn handle(&self, event: &Received<Self::Event>) -> Result<(), HandleError> {
        self.0.send(event.clone()).map_err(|_gone| failed())
    }
}

pub(crate) async fn an_event_arrives_as_it_was_sent(log: &TestLog) {
    let sent = Envelope {
        athlete: Some(AthleteId::from_uuid(SystemIds.uuid_v7(Timestamp::from_secs(1)))),
        origins: vec![Origin {
            application: ApplicationId::new(7),
            generation: Generation::new(3),
        }],
        replay: true,
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        ..envelope(1, 42)
    };
    log.bus.publisher(PublisherKind::Relay).publish(TOPIC, "owner-1", sent.encode()).await.unwrap();
    let (send, mut received) = mpsc::unbounded_channel();
    let running = RunningSubscription::start(
        &log.bus,
        Subscription::new("one", TestParking::default()).on(TOPIC, ForwardingHandler(send)),
    );
    let event = received.recv().await.unwrap();
    running.stop().await;
    assert_eq!(event.id, sent.event_id);
    assert_eq!(event.occurred_at, sent.occurred_at);
    assert_eq!(event.athlete, sent.athlete);
    assert_eq!(event.origins, sent.origins);
    assert_eq!((event.cause, event.replay), (sent.cause, true));
    assert_eq!(event.traceparent, sent.traceparent);
    assert_eq!((event.topic, event.offset, event.attempt, event.body.object_id), (TOPIC, 0, 1, 42));
    let record = &log.bus.read_all(TOPIC).await.unwrap()[0];
    assert_eq!((record.key.as_str(), record.partition), ("owner-1", event.partition));
}

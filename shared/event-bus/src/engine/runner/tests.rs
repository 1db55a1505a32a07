//! Tests of the engine, with a transport made of channels.

use std::sync::Mutex;
use std::sync::mpsc::sync_channel;

use contracts::strava::Hint;
use contracts::{Cause, Envelope, Event, Topic};
use kernel::{EventId, Timestamp};
use tokio::sync::{Semaphore, mpsc};

use super::*;
use crate::engine::{Limits, Routes};
use crate::record::TopicPartition;
use crate::{HandleError, Handler, Received, Record};

struct NoParking;

impl Parking for NoParking {
    async fn park(&self, _: &Record, reason: &str) -> Result<(), anyhow::Error> {
        anyhow::bail!("nothing is parked here: {reason}")
    }
}

/// Handles a hint once there is a permit for its owner.
struct Gated(HashMap<i64, Arc<Semaphore>>);

impl Handler for Gated {
    type Event = Hint;

    async fn handle(&self, event: &Received<Hint>) -> Result<(), HandleError> {
        let gate = self
            .0
            .get(&event.body.owner)
            .ok_or_else(|| HandleError::Failed(anyhow::anyhow!("no gate")))?;
        gate.acquire().await.map_err(|closed| HandleError::Failed(closed.into()))?.forget();
        Ok(())
    }
}

/// A running engine, and the other ends of its channels.
struct EngineHarness {
    gates: HashMap<i64, Arc<Semaphore>>,
    events: mpsc::Sender<TransportEvent>,
    commands: Arc<Mutex<Vec<ConsumerCommand>>>,
    end: Option<tokio::sync::oneshot::Sender<Result<(), BusError>>>,
    soft: Stop,
    hard: Stop,
    engine: JoinSet<Result<(), anyhow::Error>>,
}

impl EngineHarness {
    fn start(lanes: usize) -> Self {
        let gates: HashMap<i64, Arc<Semaphore>> =
            (0..4).map(|owner| (owner, Arc::new(Semaphore::new(0)))).collect();
        let mut routes = Routes::default();
        routes.add(Topic::Activities, Gated(gates.clone()));
        let (events, received) = mpsc::channel(8);
        let (end, ended) = tokio::sync::oneshot::channel();
        let commands: Arc<Mutex<Vec<ConsumerCommand>>> = Arc::default();
        let sent = Arc::clone(&commands);
        let stream = RecordStream {
            events: received,
            commands: Box::new(move |command| sent.lock().unwrap().push(command)),
            reader: Box::pin(async move { ended.await.unwrap() }),
        };
        let group = ConsumerGroup {
            name: "group",
            routes: Arc::new(routes),
            parking: Arc::new(NoParking),
            limits: Limits { lanes, max_attempts: 2 },
        };
        let (soft, hard) = (Stop::new(), Stop::new());
        let mut engine = JoinSet::new();
        engine.spawn(run(group, stream, soft.clone(), hard.clone()));
        Self { gates, events, commands, end: Some(end), soft, hard, engine }
    }

    async fn deliver(&self, assignment: Assignment, owner: i64, offset: i64) {
        let hint = Hint { owner, ..Hint::default() };
        let at = Timestamp::from_micros(0);
        let envelope = Envelope {
            event_id: "0198f000-0000-7000-8000-000000000000".parse::<EventId>().unwrap(),
            occurred_at: at,
            athlete: None,
            origins: Vec::new(),
            cause: Cause::Live,
            replay: false,
            traceparent: String::new(),
            payload: hint.into_payload(),
        };
        let TopicPartition { topic, partition } = assignment.topic_partition;
        let record = Record {
            topic,
            partition,
            offset,
            key: owner.to_string(),
            value: envelope.encode(),
            timestamp: at,
        };
        self.events.send(TransportEvent::Record(assignment, record)).await.unwrap();
    }

    fn open(&self, owner: i64, permits: usize) {
        self.gates[&owner].add_permits(permits);
    }

    fn commands_sent(&self) -> Vec<String> {
        self.commands
            .lock()
            .unwrap()
            .iter()
            .map(|command| match command {
                ConsumerCommand::Settled(to, offset) => {
                    format!("settled {}@{} {offset}", to.topic_partition.partition, to.generation)
                }
                ConsumerCommand::Pause(to) => format!("pause {}", to.topic_partition.partition),
                ConsumerCommand::Resume(to) => format!("resume {}", to.topic_partition.partition),
                ConsumerCommand::Stop => "stop".to_owned(),
            })
            .collect()
    }

    async fn sends(&self, expected: &str) {
        for _ in 0..2_000 {
            if self.commands_sent().iter().any(|sent| sent == expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never sent {expected:?}, but {:?}", self.commands_sent());
    }

    async fn end(&mut self) -> Result<(), anyhow::Error> {
        if let Some(end) = self.end.take() {
            end.send(Ok(())).unwrap();
        }
        self.engine.join_next().await.unwrap().unwrap()
    }
}

fn assignment(partition: i32, generation: u64) -> Assignment {
    let topic_partition = TopicPartition { topic: Topic::Activities, partition };
    Assignment { topic_partition, generation }
}

#[tokio::test]
async fn reading_pauses_at_the_high_watermark_and_goes_on_at_the_low_one() {
    let mut harness = EngineHarness::start(2);
    for offset in 0..HIGH_WATERMARK as i64 {
        harness.deliver(assignment(0, 1), 0, offset).await;
    }
    harness.sends("pause 0").await;
    harness.open(0, HIGH_WATERMARK - LOW_WATERMARK - 1);
    harness.sends(&format!("settled 0@1 {}", HIGH_WATERMARK - LOW_WATERMARK - 2)).await;
    assert!(!harness.commands_sent().contains(&"resume 0".to_owned()));
    harness.open(0, 1);
    harness.sends("resume 0").await;
    harness.soft.trigger();
    harness.open(0, 1);
    harness.end().await.unwrap();
}

#[tokio::test]
async fn an_offset_is_sent_when_everything_before_it_is_settled() {
    let mut harness = EngineHarness::start(4);
    harness.deliver(assignment(0, 1), 0, 10).await;
    harness.deliver(assignment(0, 1), 1, 12).await;
    harness.deliver(assignment(0, 1), 2, 15).await;
    harness.open(1, 1);
    harness.open(2, 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(harness.commands_sent(), Vec::<String>::new());
    harness.open(0, 1);
    harness.sends("settled 0@1 15").await;
    harness.soft.trigger();
    harness.end().await.unwrap();
    assert_eq!(harness.commands_sent(), ["settled 0@1 15", "stop"]);
}

#[tokio::test]
async fn a_revoked_partition_is_released_when_its_running_record_is_done() {
    let mut harness = EngineHarness::start(4);
    harness.deliver(assignment(0, 1), 0, 1).await;
    harness.deliver(assignment(0, 1), 0, 2).await;
    harness.deliver(assignment(1, 1), 1, 1).await;
    let (drained, done) = sync_channel(1);
    harness
        .events
        .send(TransportEvent::Revoked { assignments: vec![assignment(0, 1)], drained })
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(done.try_recv().is_err(), "a record of it still runs");
    harness.open(0, 2);
    harness.sends("settled 0@1 1").await;
    done.recv_timeout(Duration::from_secs(5)).unwrap();
    // The one behind it was dropped: it belongs to whoever reads the partition now. The other partition goes on.
    harness.open(1, 1);
    harness.sends("settled 1@1 1").await;
    assert_eq!(harness.gates[&0].available_permits(), 1);
    harness.soft.trigger();
    harness.end().await.unwrap();
}

#[tokio::test]
async fn past_its_deadline_a_running_record_of_a_revoked_partition_is_dropped() {
    let mut harness = EngineHarness::start(1);
    harness.deliver(assignment(0, 1), 0, 1).await;
    let (drained, done) = sync_channel(1);
    harness
        .events
        .send(TransportEvent::Revoked { assignments: vec![assignment(0, 1)], drained })
        .await
        .unwrap();
    let waited = tokio::task::spawn_blocking(move || {
        done.recv_timeout(REVOKE_TIMEOUT + Duration::from_secs(2))
    });
    waited.await.unwrap().unwrap();
    // Assignment again, the same record comes again, under a new generation.
    harness.deliver(assignment(0, 2), 0, 1).await;
    harness.open(0, 1);
    harness.sends("settled 0@2 1").await;
    harness.soft.trigger();
    harness.end().await.unwrap();
    assert_eq!(harness.commands_sent(), ["settled 0@2 1", "stop"]);
}

#[tokio::test]
async fn a_hard_stop_drops_running_records_and_keeps_settled_ones() {
    let mut harness = EngineHarness::start(2);
    harness.deliver(assignment(0, 1), 0, 1).await;
    harness.deliver(assignment(0, 1), 1, 2).await;
    harness.open(0, 1);
    harness.sends("settled 0@1 1").await;
    harness.hard.trigger();
    harness.end().await.unwrap();
    assert_eq!(harness.commands_sent(), ["settled 0@1 1", "stop"]);
}

#[tokio::test]
async fn a_transport_that_ends_by_itself_ends_the_subscription_with_an_error() {
    let mut harness = EngineHarness::start(1);
    harness.end.take().unwrap().send(Err(BusError::Closed)).unwrap();
    assert!(harness.end().await.is_err());
}

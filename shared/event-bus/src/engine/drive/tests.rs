//! Claims about the engine, with a transport made of channels.

use std::sync::Mutex;
use std::sync::mpsc::sync_channel;

use contracts::strava::Hint;
use contracts::{Cause, Envelope, Event, Topic};
use kernel::{EventId, Timestamp};
use tokio::sync::{Semaphore, mpsc};

use super::*;
use crate::engine::{Limits, Routes};
use crate::{HandleError, Handler, Received, Record};

struct Nowhere;

impl Parking for Nowhere {
    async fn park(&self, _: &Record, reason: &str) -> Result<(), anyhow::Error> {
        anyhow::bail!("nothing is parked here: {reason}")
    }
}

/// Handles a hint when there is a permit for its owner.
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

/// An engine at work, and the ends of its channels.
struct Bench {
    gates: HashMap<i64, Arc<Semaphore>>,
    events: mpsc::Sender<FromLog>,
    commands: Arc<Mutex<Vec<ToLog>>>,
    end: Option<tokio::sync::oneshot::Sender<Result<(), BusError>>>,
    soft: Stop,
    hard: Stop,
    engine: JoinSet<Result<(), anyhow::Error>>,
}

impl Bench {
    fn start(lanes: usize) -> Self {
        let gates: HashMap<i64, Arc<Semaphore>> =
            (0..4).map(|owner| (owner, Arc::new(Semaphore::new(0)))).collect();
        let mut routes = Routes::default();
        routes.add(Topic::Activities, Gated(gates.clone()));
        let (events, received) = mpsc::channel(8);
        let (end, ended) = tokio::sync::oneshot::channel();
        let commands: Arc<Mutex<Vec<ToLog>>> = Arc::default();
        let heard = Arc::clone(&commands);
        let feed = Feed {
            events: received,
            commands: Box::new(move |command| heard.lock().unwrap().push(command)),
            reading: Box::pin(async move { ended.await.unwrap() }),
        };
        let work = Work {
            group: "bench",
            routes: Arc::new(routes),
            parking: Arc::new(Nowhere),
            limits: Limits { lanes, attempts: 2 },
        };
        let (soft, hard) = (Stop::new(), Stop::new());
        let mut engine = JoinSet::new();
        engine.spawn(drive(work, feed, soft.clone(), hard.clone()));
        Self { gates, events, commands, end: Some(end), soft, hard, engine }
    }

    async fn deliver(&self, from: Assigned, owner: i64, offset: i64) {
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
        let (topic, partition) = (from.topic, from.partition);
        let record = Record {
            topic,
            partition,
            offset,
            key: owner.to_string(),
            value: envelope.encode(),
            timestamp: at,
        };
        self.events.send(FromLog::Record(from, record)).await.unwrap();
    }

    fn open(&self, owner: i64, permits: usize) {
        self.gates[&owner].add_permits(permits);
    }

    fn said(&self) -> Vec<String> {
        self.commands
            .lock()
            .unwrap()
            .iter()
            .map(|command| match command {
                ToLog::Settled(of, offset) => {
                    format!("settled {}@{} {offset}", of.partition, of.generation)
                }
                ToLog::Pause(of) => format!("pause {}", of.partition),
                ToLog::Resume(of) => format!("resume {}", of.partition),
                ToLog::Stop => "stop".to_owned(),
            })
            .collect()
    }

    async fn says(&self, what: &str) {
        for _ in 0..2_000 {
            if self.said().iter().any(|said| said == what) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never said {what:?}, but {:?}", self.said());
    }

    async fn ends(&mut self) -> Result<(), anyhow::Error> {
        if let Some(end) = self.end.take() {
            end.send(Ok(())).unwrap();
        }
        self.engine.join_next().await.unwrap().unwrap()
    }
}

fn place(partition: i32, generation: u64) -> Assigned {
    Assigned { topic: Topic::Activities, partition, generation }
}

#[tokio::test]
async fn reading_pauses_at_the_high_watermark_and_goes_on_at_the_low_one() {
    let mut bench = Bench::start(2);
    for offset in 0..HIGH_WATERMARK as i64 {
        bench.deliver(place(0, 1), 0, offset).await;
    }
    bench.says("pause 0").await;
    bench.open(0, HIGH_WATERMARK - LOW_WATERMARK - 1);
    bench.says(&format!("settled 0@1 {}", HIGH_WATERMARK - LOW_WATERMARK - 2)).await;
    assert!(!bench.said().contains(&"resume 0".to_owned()));
    bench.open(0, 1);
    bench.says("resume 0").await;
    bench.soft.trigger();
    bench.open(0, 1);
    bench.ends().await.unwrap();
}

#[tokio::test]
async fn an_offset_is_told_when_everything_before_it_is_settled() {
    let mut bench = Bench::start(4);
    bench.deliver(place(0, 1), 0, 10).await;
    bench.deliver(place(0, 1), 1, 12).await;
    bench.deliver(place(0, 1), 2, 15).await;
    bench.open(1, 1);
    bench.open(2, 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bench.said(), Vec::<String>::new());
    bench.open(0, 1);
    bench.says("settled 0@1 15").await;
    bench.soft.trigger();
    bench.ends().await.unwrap();
    assert_eq!(bench.said(), ["settled 0@1 15", "stop"]);
}

#[tokio::test]
async fn a_revoked_partition_is_let_go_when_what_runs_of_it_is_done() {
    let mut bench = Bench::start(4);
    bench.deliver(place(0, 1), 0, 1).await;
    bench.deliver(place(0, 1), 0, 2).await;
    bench.deliver(place(1, 1), 1, 1).await;
    let (drained, done) = sync_channel(1);
    bench.events.send(FromLog::Revoked { gone: vec![place(0, 1)], drained }).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(done.try_recv().is_err(), "a record of it still runs");
    bench.open(0, 2);
    bench.says("settled 0@1 1").await;
    done.recv_timeout(Duration::from_secs(5)).unwrap();
    // The one behind it was dropped: it belongs to whoever reads the partition now. The other partition goes on.
    bench.open(1, 1);
    bench.says("settled 1@1 1").await;
    assert_eq!(bench.gates[&0].available_permits(), 1);
    bench.soft.trigger();
    bench.ends().await.unwrap();
}

#[tokio::test]
async fn past_its_deadline_what_runs_of_a_revoked_partition_is_dropped() {
    let mut bench = Bench::start(1);
    bench.deliver(place(0, 1), 0, 1).await;
    let (drained, done) = sync_channel(1);
    bench.events.send(FromLog::Revoked { gone: vec![place(0, 1)], drained }).await.unwrap();
    let waited = tokio::task::spawn_blocking(move || {
        done.recv_timeout(REVOKE_PATIENCE + Duration::from_secs(2))
    });
    waited.await.unwrap().unwrap();
    // Assigned again, the same record comes again, under a new generation.
    bench.deliver(place(0, 2), 0, 1).await;
    bench.open(0, 1);
    bench.says("settled 0@2 1").await;
    bench.soft.trigger();
    bench.ends().await.unwrap();
    assert_eq!(bench.said(), ["settled 0@2 1", "stop"]);
}

#[tokio::test]
async fn a_hard_stop_drops_what_runs_and_keeps_what_is_settled() {
    let mut bench = Bench::start(2);
    bench.deliver(place(0, 1), 0, 1).await;
    bench.deliver(place(0, 1), 1, 2).await;
    bench.open(0, 1);
    bench.says("settled 0@1 1").await;
    bench.hard.trigger();
    bench.ends().await.unwrap();
    assert_eq!(bench.said(), ["settled 0@1 1", "stop"]);
}

#[tokio::test]
async fn a_transport_that_ends_on_its_own_ends_the_subscription_with_an_error() {
    let mut bench = Bench::start(1);
    bench.end.take().unwrap().send(Err(BusError::Closed)).unwrap();
    assert!(bench.ends().await.is_err());
}

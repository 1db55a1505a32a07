//! Shared by the tests: a log of their own, a handler that records what it handled, a parking place in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::anyhow;
use contracts::strava::Hint;
use contracts::{Cause, Envelope, Event, Topic};
use event_bus::{
    BuiltInLogSettings, Bus, HandleError, Handler, KafkaSettings, OutgoingRecord, Parking,
    PublisherKind, Received, Record, Subscription,
};
use futures::future::BoxFuture;
use kernel::{EventId, Ids, SystemClock, SystemIds, Timestamp};
use lifecycle::Stop;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// The topic most tests use.
pub(crate) const TOPIC: Topic = Topic::Activities;

/// A log for one test: a new file, or topics and groups under a new prefix.
pub(crate) struct TestLog {
    pub(crate) bus: Bus,
    /// The address by which a child process reaches the same log.
    pub(crate) address: String,
    prefix: String,
    partitions: i32,
    folder: Option<TempDir>,
}

impl TestLog {
    pub(crate) async fn open_built_in(partitions: i32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bus.db");
        let bus = Bus::open_built_in(log_settings(file.clone(), partitions)).await.unwrap();
        bus.ensure_topics(&[TOPIC, Topic::Athletes]).await.unwrap();
        let address = format!("file:{}", file.display());
        Self { bus, address, prefix: String::new(), partitions, folder: Some(folder) }
    }

    pub(crate) async fn open_kafka(partitions: i32) -> Self {
        let brokers = testkit::kafka_brokers();
        let prefix = testkit::topic_prefix();
        let bus = Bus::open_kafka(kafka_settings(&brokers, &prefix, partitions)).await.unwrap();
        bus.ensure_topics(&[TOPIC, Topic::Athletes]).await.unwrap();
        let address = format!("kafka:{brokers}/{prefix}");
        Self { bus, address, prefix, partitions, folder: None }
    }

    /// Opens another bus on the same topics, as another process would.
    pub(crate) async fn open_second_bus(&self) -> Bus {
        Bus::open_kafka(kafka_settings(&testkit::kafka_brokers(), &self.prefix, self.partitions))
            .await
            .unwrap()
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn is_built_in(&self) -> bool {
        self.folder.is_some()
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().to_owned()
    }

    /// Closes the log; its folder exists as long as the returned handle.
    pub(crate) fn into_folder(self) -> Option<TempDir> {
        self.folder
    }

    /// Deletes the topics.
    pub(crate) async fn close(self) {
        if !self.is_built_in() {
            self.bus.delete_topics().await;
        }
    }

    /// Publishes these hints, all of one owner under one key.
    pub(crate) async fn publish(&self, hints: impl IntoIterator<Item = (i64, i64)>) {
        publish(&self.bus, hints).await;
    }
}

pub(crate) fn log_settings(file: PathBuf, partitions: i32) -> BuiltInLogSettings {
    BuiltInLogSettings { partitions, ..BuiltInLogSettings::new(file, Arc::new(SystemClock::new())) }
}

pub(crate) fn kafka_settings(brokers: &str, prefix: &str, partitions: i32) -> KafkaSettings {
    KafkaSettings { prefix: prefix.to_owned(), partitions, ..KafkaSettings::new(brokers) }
}

/// An envelope around a hint that carries a number.
pub(crate) fn envelope(owner: i64, number: i64) -> Envelope {
    let hint = Hint { application: 1, owner, object_id: number, ..Hint::default() };
    Envelope {
        event_id: EventId::from_uuid(SystemIds.uuid_v7(Timestamp::from_secs(1_790_000_000))),
        occurred_at: Timestamp::from_secs(1_790_000_000 + number),
        athlete: None,
        origins: Vec::new(),
        cause: Cause::Live,
        replay: false,
        traceparent: String::new(),
        payload: hint.into_payload(),
    }
}

pub(crate) fn outgoing(owner: i64, number: i64) -> OutgoingRecord {
    OutgoingRecord {
        topic: TOPIC,
        key: format!("owner-{owner}"),
        value: envelope(owner, number).encode(),
        to_every_partition: false,
    }
}

pub(crate) async fn publish(bus: &Bus, hints: impl IntoIterator<Item = (i64, i64)>) {
    let records: Vec<_> =
        hints.into_iter().map(|(owner, number)| outgoing(owner, number)).collect();
    for chunk in records.chunks(1_000) {
        for answer in bus.publisher(PublisherKind::Relay).publish_many(chunk.to_vec()).await {
            answer.unwrap();
        }
    }
}

pub(crate) type Reaction =
    Arc<dyn Fn(i64, i64, u32) -> BoxFuture<'static, Result<(), HandleError>> + Send + Sync>;

/// Records every hint it handled, after a given reaction.
#[derive(Clone)]
pub(crate) struct RecordingHandler {
    handled: Arc<Mutex<Vec<(i64, i64)>>>,
    reaction: Reaction,
}

impl RecordingHandler {
    /// Creates a handler that succeeds at once.
    pub(crate) fn new() -> Self {
        Self::with_reaction(|_, _, _| Box::pin(async { Ok(()) }))
    }

    /// Creates a handler that awaits the reaction to (owner, number, attempt).
    pub(crate) fn with_reaction(
        reaction: impl Fn(i64, i64, u32) -> BoxFuture<'static, Result<(), HandleError>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { handled: Arc::default(), reaction: Arc::new(reaction) }
    }

    /// Returns the hints handled so far as (owner, number), in the order in which handling ended.
    pub(crate) fn handled(&self) -> Vec<(i64, i64)> {
        self.handled.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.handled.lock().unwrap().len()
    }

    /// Returns the numbers of each owner, in order.
    pub(crate) fn by_owner(&self) -> BTreeMap<i64, Vec<i64>> {
        let mut by_owner: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (owner, number) in self.handled() {
            by_owner.entry(owner).or_default().push(number);
        }
        by_owner
    }

    pub(crate) async fn wait_for(&self, count: usize) {
        eventually(&format!("{count} handled"), || self.count() >= count).await;
    }
}

impl Handler for RecordingHandler {
    type Event = Hint;

    async fn handle(&self, event: &Received<Hint>) -> Result<(), HandleError> {
        (self.reaction)(event.body.owner, event.body.object_id, event.attempt).await?;
        self.handled.lock().unwrap().push((event.body.owner, event.body.object_id));
        Ok(())
    }
}

/// A recording handler whose records may not be parked, as for an erase.
pub(crate) struct NeverParked(pub(crate) RecordingHandler);

impl Handler for NeverParked {
    type Event = Hint;
    const MAY_PARK: bool = false;

    async fn handle(&self, event: &Received<Hint>) -> Result<(), HandleError> {
        self.0.handle(event).await
    }
}

pub(crate) fn failed() -> HandleError {
    HandleError::Failed(anyhow!("it does not work"))
}

pub(crate) fn unavailable() -> HandleError {
    HandleError::Unavailable(anyhow!("the database is unavailable"))
}

/// A parking place in memory that fails a given number of times.
#[derive(Clone, Default)]
pub(crate) struct TestParking {
    records: Arc<Mutex<Vec<(Record, String)>>>,
    failures_left: Arc<AtomicU32>,
}

impl TestParking {
    pub(crate) fn failing(times: u32) -> Self {
        Self { failures_left: Arc::new(AtomicU32::new(times)), ..Self::default() }
    }

    pub(crate) fn records(&self) -> Vec<(Record, String)> {
        self.records.lock().unwrap().clone()
    }
}

impl Parking for TestParking {
    async fn park(&self, record: &Record, reason: &str) -> Result<(), anyhow::Error> {
        let failed = self
            .failures_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if failed.is_ok() {
            return Err(anyhow!("no room"));
        }
        self.records.lock().unwrap().push((record.clone(), reason.to_owned()));
        Ok(())
    }
}

/// A running subscription.
pub(crate) struct RunningSubscription {
    soft: Stop,
    hard: Stop,
    task: JoinSet<Result<(), anyhow::Error>>,
}

impl RunningSubscription {
    pub(crate) fn start(bus: &Bus, subscription: Subscription<TestParking>) -> Self {
        let (soft, hard, bus) = (Stop::new(), Stop::new(), bus.clone());
        let mut task = JoinSet::new();
        let stops = (soft.clone(), hard.clone());
        task.spawn(async move { subscription.run(&bus, stops.0, stops.1).await });
        Self { soft, hard, task }
    }

    /// Starts a group with one handler of `TOPIC`.
    pub(crate) fn start_group(bus: &Bus, group: &'static str, handler: &RecordingHandler) -> Self {
        Self::start(
            bus,
            Subscription::new(group, TestParking::default()).on(TOPIC, handler.clone()),
        )
    }

    pub(crate) fn request_stop(&self) {
        self.soft.trigger();
    }

    pub(crate) async fn stop(mut self) {
        self.soft.trigger();
        self.task.join_next().await.unwrap().unwrap().unwrap();
    }

    pub(crate) async fn stop_hard(mut self) {
        self.hard.trigger();
        self.task.join_next().await.unwrap().unwrap().unwrap();
    }

    /// Returns true until it has ended.
    pub(crate) fn is_running(&self) -> bool {
        !self.task.is_empty()
    }
}

/// Waits until the condition holds, at most a minute.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

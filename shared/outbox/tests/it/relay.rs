//! The relay: in order per key, exactly what was committed, at least once, one at a time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contracts::{Envelope, Topic};
use event_bus::{BuiltInLogSettings, Bus, OutgoingRecord, PublishError};
use kernel::{EventId, SystemClock};
use lifecycle::Stop;
use outbox::{Database, RecordSink, Relay, StoreError};
use testkit::{databases, eventually};

use crate::support::{athlete, message, open, publish_one, relay_everything, step};

/// A bus that remembers, and fails as it is told.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<State>);

#[derive(Debug, Default)]
struct State {
    taken: Mutex<Vec<OutgoingRecord>>,
    away: AtomicBool,
    /// Takes everything, but never answers: the process dies in between.
    silent: AtomicBool,
    /// Takes one record of this key's less at a time: (key, how often it fails).
    failing: Mutex<Option<(String, usize)>>,
    refused: Mutex<Option<String>>,
    busy: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl RecordSink for Memory {
    async fn publish_many(&self, records: Vec<OutgoingRecord>) -> Vec<Result<(), PublishError>> {
        let state = &self.0;
        let busy = state.busy.fetch_add(1, Ordering::SeqCst) + 1;
        state.most_at_once.fetch_max(busy, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(2)).await;
        let answers = records.into_iter().map(|record| state.take(record)).collect();
        state.busy.fetch_sub(1, Ordering::SeqCst);
        if state.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        answers
    }
}

impl State {
    fn take(&self, record: OutgoingRecord) -> Result<(), PublishError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(PublishError::Unavailable);
        }
        if self
            .refused
            .lock()
            .unwrap()
            .as_ref()
            .is_some_and(|refused| *refused == step(&record.value))
        {
            return Err(PublishError::Refused("too strange".to_owned()));
        }
        if let Some((key, left)) = self.failing.lock().unwrap().as_mut()
            && *key == record.key
            && *left > 0
        {
            *left -= 1;
            return Err(PublishError::Unconfirmed);
        }
        self.taken.lock().unwrap().push(record);
        Ok(())
    }
}

impl Memory {
    fn steps(&self) -> Vec<String> {
        self.0.taken.lock().unwrap().iter().map(|record| step(&record.value)).collect()
    }

    fn ids(&self) -> Vec<EventId> {
        let taken = self.0.taken.lock().unwrap();
        taken.iter().map(|record| Envelope::decode(&record.value).unwrap().event_id).collect()
    }

    async fn has(&self, count: usize) {
        eventually(Duration::from_secs(20), "everything is published", async || {
            let seen = self.0.taken.lock().unwrap().len();
            if seen >= count { Ok(()) } else { Err(seen) }
        })
        .await;
    }
}

async fn publish(database: &Database, of: u128, steps: impl IntoIterator<Item = u32>) {
    for n in steps {
        publish_one(database, of, n).await;
    }
}

fn relay(
    database: &Database,
    to: &Memory,
    stop: &Stop,
) -> tokio::task::JoinHandle<Result<(), anyhow::Error>> {
    let relay = Relay::new(database.clone(), to.clone(), Arc::new(SystemClock::new()));
    #[expect(clippy::disallowed_methods, reason = "a test's relay belongs to the test")]
    tokio::spawn(relay.run(stop.clone()))
}

#[tokio::test]
async fn exactly_the_committed_events_are_published_in_order() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let (memory, stop) = (Memory::default(), Stop::new());
        publish(&database, 1, 0..30).await;
        let failed: Result<(), StoreError> = database
            .run("fail", athlete(1), |tx| async move {
                tx.publish(message(athlete(1), "never")).await?;
                Err(StoreError::inconsistent("on purpose"))
            })
            .await;
        assert!(failed.is_err());
        let running = relay(&database, &memory, &stop);
        memory.has(30).await;
        publish(&database, 1, 30..60).await;
        memory.has(60).await;
        stop.trigger();
        running.await.unwrap().unwrap();
        assert_eq!(
            memory.steps(),
            (0..60).map(|n| n.to_string()).collect::<Vec<_>>(),
            "{}",
            of.engine()
        );
        assert_eq!(
            of.query_i64("SELECT COUNT(*) FROM outbox WHERE published_at_us = 0").await,
            0,
            "{}",
            of.engine()
        );
    }
}

#[tokio::test]
async fn a_commit_wakes_the_relay_long_before_it_would_look_by_itself() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let (memory, stop) = (Memory::default(), Stop::new());
        let running = relay(&database, &memory, &stop);
        tokio::time::sleep(Duration::from_millis(200)).await;
        publish(&database, 1, [1]).await;
        eventually(Duration::from_secs(1), "the event is published at once", async || {
            if memory.steps().is_empty() { Err("nothing") } else { Ok(()) }
        })
        .await;
        stop.trigger();
        running.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_crash_between_publishing_and_marking_publishes_again_with_the_same_ids() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let (memory, stop) = (Memory::default(), Stop::new());
        publish(&database, 1, 0..3).await;
        memory.0.silent.store(true, Ordering::SeqCst);
        let running = relay(&database, &memory, &stop);
        memory.has(3).await;
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        memory.0.silent.store(false, Ordering::SeqCst);
        let running = relay(&database, &memory, &stop);
        memory.has(6).await;
        stop.trigger();
        running.await.unwrap().unwrap();
        let ids = memory.ids();
        assert_eq!(ids[..3], ids[3..], "{}", of.engine());
        assert_eq!(memory.steps()[3..], ["0", "1", "2"], "{}", of.engine());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_never_publish_at_the_same_time_nor_out_of_order() {
    // A SQLite file has one process, and that has one relay.
    for of in databases().await.into_iter().filter(|of| of.engine() != "SQLite") {
        let (database, _) = open(&of).await;
        let (memory, stop) = (Memory::default(), Stop::new());
        // A second process would have connections of its own.
        let other = Database::open(&of.target(), crate::support::own()).await.unwrap();
        let running = [relay(&database, &memory, &stop), relay(&other, &memory, &stop)];
        futures::future::join(publish(&database, 1, 0..150), publish(&other, 2, 1000..1150)).await;
        memory.has(300).await;
        stop.trigger();
        for relay in running {
            relay.await.unwrap().unwrap();
        }
        let steps: Vec<u32> = memory.steps().iter().map(|step| step.parse().unwrap()).collect();
        let (one, two): (Vec<u32>, Vec<u32>) = steps.iter().partition(|step| **step < 1000);
        assert_eq!(one, (0..150).collect::<Vec<_>>(), "{}", of.engine());
        assert_eq!(two, (1000..1150).collect::<Vec<_>>(), "{}", of.engine());
        assert_eq!(memory.0.most_at_once.load(Ordering::SeqCst), 1, "{}", of.engine());
    }
}

#[tokio::test]
async fn while_the_bus_is_away_nothing_is_lost_and_afterwards_everything_comes() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let (memory, stop) = (Memory::default(), Stop::new());
        memory.0.away.store(true, Ordering::SeqCst);
        let running = relay(&database, &memory, &stop);
        publish(&database, 1, 0..5).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(memory.steps(), Vec::<String>::new());
        memory.0.away.store(false, Ordering::SeqCst);
        memory.has(5).await;
        stop.trigger();
        running.await.unwrap().unwrap();
        assert_eq!(memory.steps(), ["0", "1", "2", "3", "4"], "{}", of.engine());
    }
}

#[tokio::test]
async fn an_event_that_did_not_arrive_comes_before_later_ones_of_its_key() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let (memory, stop) = (Memory::default(), Stop::new());
        publish(&database, 1, 0..3).await;
        publish(&database, 2, 10..13).await;
        *memory.0.failing.lock().unwrap() = Some((athlete(1).to_string(), 1));
        let running = relay(&database, &memory, &stop);
        memory.has(8).await;
        stop.trigger();
        running.await.unwrap().unwrap();
        // 0 failed once; 1 and 2 arrived, and again after it.
        assert_eq!(memory.steps(), ["1", "2", "10", "11", "12", "0", "1", "2"], "{}", of.engine());
    }
}

#[tokio::test]
async fn a_refused_event_for_every_partition_is_replayed_to_every_partition() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let (memory, stop) = (Memory::default(), Stop::new());
        *memory.0.refused.lock().unwrap() = Some("1".to_owned());
        database
            .run_plain("publish", |tx| async move {
                tx.publish_to_all_partitions(message(athlete(1), 1)).await
            })
            .await
            .unwrap();
        let running = relay(&database, &memory, &stop);
        let parked = outbox::ParkedEvents::new(database.clone());
        eventually(Duration::from_secs(20), "the event is parked", async || {
            match parked.count().await {
                Ok(1) => Ok(()),
                seen => Err(seen),
            }
        })
        .await;
        stop.trigger();
        running.await.unwrap().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut settings =
            BuiltInLogSettings::new(folder.path().join("bus.db"), Arc::new(SystemClock::new()));
        settings.partitions = 3;
        let bus = Bus::open_built_in(settings).await.unwrap();
        bus.ensure_topics(&[Topic::Journal]).await.unwrap();
        let id = parked.list(1).await.unwrap().remove(0).id;
        assert!(parked.replay(&id).await.unwrap());
        relay_everything(&database, &bus).await;
        assert_eq!(bus.read_all(Topic::Journal).await.unwrap().len(), 3, "{}", of.engine());
    }
}

#[tokio::test]
async fn however_many_rows_were_published_they_are_purged_together() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let rows = vec!["('e', 'journal', 'k', 0, '', 1, 1)"; 1_200].join(", ");
        of.execute(&format!(
            "INSERT INTO outbox (event_id, topic, record_key, to_all_partitions, value, written_at_us, published_at_us) \
             VALUES {rows}"
        ))
        .await;
        let stop = Stop::new();
        let running = relay(&database, &Memory::default(), &stop);
        eventually(Duration::from_secs(4), "the outbox is empty", async || {
            match of.query_i64("SELECT COUNT(*) FROM outbox").await {
                0 => Ok(()),
                left => Err(left),
            }
        })
        .await;
        stop.trigger();
        running.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_event_the_bus_refuses_for_good_is_parked_and_the_next_one_goes() {
    for of in databases().await {
        let (database, _) = open(&of).await;
        let (memory, stop) = (Memory::default(), Stop::new());
        *memory.0.refused.lock().unwrap() = Some("1".to_owned());
        publish(&database, 1, 0..3).await;
        let running = relay(&database, &memory, &stop);
        memory.has(2).await;
        stop.trigger();
        running.await.unwrap().unwrap();
        assert_eq!(memory.steps(), ["0", "2"], "{}", of.engine());
        let parked = outbox::ParkedEvents::new(database).list(10).await.unwrap();
        assert_eq!(parked.len(), 1, "{}", of.engine());
        assert_eq!(
            (step(&parked[0].value).as_str(), parked[0].reason.as_str()),
            ("1", "too strange")
        );
    }
}

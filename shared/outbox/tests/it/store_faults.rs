//! The kit's own transactions fail at every statement and around the commit; repeated, they end as if none had.
//! `mark_published` is in the services' tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use contracts::replays::ReplayDone;
use contracts::{Cause, Topic};
use event_bus::{BuiltInLogSettings, Bus, Handler as _, Parking as _, Received};
use kernel::{EventId, SystemClock};
use outbox::replay_state::{self, SyncState};
use outbox::{Database, EpochKeeper, ParkedEvents, ReplayMonitor, ReplaySource, Singleton};
use tempfile::TempDir;
use testkit::faulty_databases;
use uuid::Uuid;

use crate::support::{NOW, open_faulty, publish_one, record};

/// Maximum number of repetitions of one operation, and of faults.
const MAX_TRIES: i64 = 60;
const PARTITIONS: i32 = 3;
const SOURCES: [ReplaySource; 1] = [ReplaySource::new(Topic::Activities, Topic::ActivitiesBulk)];

#[tokio::test]
async fn a_parked_event_is_replayed_once_whatever_fails_meanwhile() {
    for (of, faults) in faulty_databases().await {
        let database = open_faulty(&of, &faults, &["replay_parked_event"]).await;
        publish_one(&database, 1, "stuck").await;
        let select = "SELECT value FROM outbox";
        let value: Option<Vec<u8>> =
            outbox::sql::fetch_scalar(database.readers(), select, []).await.unwrap();
        let parked = ParkedEvents::new(database.clone());
        for offset in 1..MAX_TRIES {
            of.execute("DELETE FROM outbox").await;
            parked.park(&record(offset, value.clone().unwrap()), "a bug").await.unwrap();
            let id = parked.list(1).await.unwrap().remove(0).id;
            while parked.replay(&id).await.is_err() {}
            let left = of.query_i64("SELECT COUNT(*) FROM outbox").await;
            assert_eq!((left, parked.count().await.unwrap()), (1, 0), "{}", of.engine());
            if faults.is_done("replay_parked_event") {
                break;
            }
        }
        assert!(faults.is_done("replay_parked_event"), "{}", of.engine());
    }
}

#[tokio::test]
async fn a_replay_is_requested_once_whatever_fails_meanwhile() {
    for (of, faults) in faulty_databases().await {
        let database = open_faulty(&of, &faults, &["request_replay"]).await;
        let folder = tempfile::tempdir().unwrap();
        let monitor = monitor(&database, &folder).await;
        for _ in 0..MAX_TRIES {
            of.execute("DELETE FROM outbox; DELETE FROM replay_state").await;
            while monitor.request_if_incomplete().await.is_err() {}
            let requests = of.query_i64("SELECT COUNT(*) FROM outbox").await;
            assert_eq!(requests, 1, "{}", of.engine());
            if faults.is_done("request_replay") {
                break;
            }
        }
        assert!(faults.is_done("request_replay"), "{}", of.engine());
    }
}

#[tokio::test]
async fn a_replay_that_ended_is_complete_whatever_fails_meanwhile() {
    for (of, faults) in faulty_databases().await {
        let database = open_faulty(&of, &faults, &["record_replay_done"]).await;
        let folder = tempfile::tempdir().unwrap();
        let monitor = monitor(&database, &folder).await;
        let handler = monitor.done_handler();
        for round in 0..MAX_TRIES {
            let replay = format!("r{round}");
            replay_state::record_request(database.writer(), Topic::ActivitiesBulk, &replay, NOW)
                .await
                .unwrap();
            for partition in 0..PARTITIONS {
                let state = load_state(&database).await;
                assert!(matches!(state, SyncState::Requested { .. }), "{state:?}");
                // The event comes again until it is handled.
                while handler.handle(&done(&replay, partition)).await.is_err() {}
            }
            assert_eq!(load_state(&database).await, SyncState::Complete, "{}", of.engine());
            if faults.is_done("record_replay_done") {
                break;
            }
        }
        assert!(faults.is_done("record_replay_done"), "{}", of.engine());
    }
}

#[tokio::test]
async fn a_singleton_is_held_by_one_whatever_fails_meanwhile() {
    for (of, faults) in faulty_databases().await {
        let database = open_faulty(&of, &faults, &["acquire_singleton"]).await;
        let mut holders = [Singleton::new("watch"), Singleton::new("watch")];
        let mut now = NOW;
        for _ in 0..MAX_TRIES {
            // The leases have run out. One whose answer was lost is held, and nobody knows.
            now = now.plus(Duration::from_secs(7));
            let mut told = Vec::new();
            for holder in &mut holders {
                told.push(holder.acquire(&database, now).await);
            }
            let held = told.iter().filter(|it| matches!(it, Ok(true))).count();
            let unknown = told.iter().filter(|it| it.is_err()).count();
            assert!(held == 1 || (held == 0 && unknown > 0), "{}: {told:?}", of.engine());
            if faults.is_done("acquire_singleton") {
                break;
            }
            holders.reverse();
        }
        assert!(faults.is_done("acquire_singleton"), "{}", of.engine());
        now = now.plus(Duration::from_secs(7));
        let mut held = 0;
        for holder in &mut holders {
            held += i32::from(holder.acquire(&database, now).await.unwrap());
        }
        assert_eq!(held, 1, "{}", of.engine());
    }
}

#[tokio::test]
async fn an_older_database_is_noticed_and_asks_for_everything_whatever_fails_meanwhile() {
    for (of, faults) in faulty_databases().await {
        let database = open_faulty(&of, &faults, &["advance_epoch"]).await;
        let folder = tempfile::tempdir().unwrap();
        let bus = open_bus(&folder).await;
        let recovered = Arc::new(AtomicUsize::new(0));
        let recover = {
            let recovered = Arc::clone(&recovered);
            Box::new(move || {
                recovered.fetch_add(1, Ordering::SeqCst);
                Box::pin(std::future::ready(Ok(()))) as _
            })
        };
        let keeper = EpochKeeper::new(database.clone(), bus.clone(), "stats", recover);
        for round in 1..=MAX_TRIES {
            let complete = Topic::ActivitiesBulk;
            replay_state::set_complete(database.writer(), complete, NOW).await.unwrap();
            while keeper.advance().await.is_err() {}
            let before = recovered.load(Ordering::SeqCst);
            if round > 1 {
                assert_eq!(
                    load_state(&database).await,
                    SyncState::Complete,
                    "nothing was restored"
                );
            }
            replay_state::set_complete(database.writer(), complete, NOW).await.unwrap();
            of.execute("UPDATE epoch SET epoch = epoch - 1").await;

            while keeper.advance().await.is_err() {}

            assert_eq!(load_state(&database).await, SyncState::Incomplete, "{}", of.engine());
            assert!(recovered.load(Ordering::SeqCst) > before, "{}", of.engine());
            let (in_log, select) =
                (bus.epoch("stats").await.unwrap(), "SELECT epoch FROM epoch WHERE name = 'stats'");
            assert_eq!(of.query_i64(select).await, in_log, "{}", of.engine());
            if faults.is_done("advance_epoch") {
                break;
            }
        }
        assert!(faults.is_done("advance_epoch"), "{}", of.engine());
    }
}

/// A monitor on a log in this folder.
async fn monitor(database: &Database, folder: &TempDir) -> ReplayMonitor {
    let bus = open_bus(folder).await;
    ReplayMonitor::new(database.clone(), bus, "stats", &["stats"], &SOURCES)
}

/// A log in this folder.
async fn open_bus(folder: &TempDir) -> Bus {
    let mut settings =
        BuiltInLogSettings::new(folder.path().join("bus.db"), Arc::new(SystemClock::new()));
    settings.partitions = PARTITIONS;
    let bus = Bus::open_built_in(settings).await.unwrap();
    bus.ensure_topics(&[Topic::ActivitiesBulk]).await.unwrap();
    bus
}

async fn load_state(database: &Database) -> SyncState {
    replay_state::load(database.readers(), Topic::ActivitiesBulk, NOW).await.unwrap()
}

/// The end of a replay on a partition, as it comes from the log.
fn done(replay: &str, partition: i32) -> Received<ReplayDone> {
    Received {
        id: EventId::from_uuid(Uuid::from_u128(1)),
        athlete: None,
        origins: Vec::new(),
        cause: Cause::Operator,
        replay: true,
        occurred_at: NOW,
        traceparent: String::new(),
        attempt: 1,
        topic: Topic::ActivitiesBulk,
        partition,
        offset: 1,
        body: ReplayDone {
            id: replay.to_owned(),
            service: "stats".to_owned(),
            of: Topic::Activities.name().to_owned(),
        },
    }
}

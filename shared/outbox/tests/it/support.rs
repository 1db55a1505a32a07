//! What these tests share.

use std::sync::Arc;

use contracts::journal::JournalEntry;
use contracts::{Cause, Envelope, Origin, Topic, wire::envelope::Payload};
use event_bus::{Bus, PublisherKind, Record};
use kernel::{ApplicationId, AthleteId, Generation, ManualClock, SystemClock, Timestamp};
use lifecycle::Stop;
use outbox::{Database, OutboxMessage, Relay, StoreFaults, create_table};
use sea_orm_migration::MigrationTrait;
use sea_orm_migration::prelude::{ColumnDef, Table};
use testkit::{SeededIds, TestDatabase};
use uuid::Uuid;

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

/// A service's own table: one newest value per athlete.
pub(crate) fn own() -> Vec<Box<dyn MigrationTrait>> {
    let newest = Table::create()
        .table("newest")
        .col(ColumnDef::new("athlete").string_len(36).not_null().primary_key())
        .col(ColumnDef::new("revision").big_integer().not_null())
        .col(ColumnDef::new("said").string_len(64).not_null())
        .take();
    vec![create_table("test_0001_newest", newest)]
}

pub(crate) async fn open(of: &TestDatabase) -> (Database, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(NOW));
    let database = Database::open(&of.target(), own()).await.unwrap();
    (database.with(clock.clone(), Arc::new(SeededIds::new(7))), clock)
}

/// A database whose transactions of these names fail, at every statement and around the commit.
pub(crate) async fn open_faulty(
    of: &TestDatabase,
    faults: &StoreFaults,
    names: &[&'static str],
) -> Database {
    let (database, _) = open(of).await;
    faults.arm_only(names);
    database.with_faults(faults.clone())
}

pub(crate) fn athlete(n: u128) -> AthleteId {
    AthleteId::from_uuid(Uuid::from_u128(n))
}

pub(crate) fn origin(application: i64, generation: i64) -> Origin {
    Origin { application: ApplicationId::new(application), generation: Generation::new(generation) }
}

/// A journal entry that says `step`.
pub(crate) fn message(of: AthleteId, step: impl ToString) -> OutboxMessage<JournalEntry> {
    OutboxMessage {
        topic: Topic::Journal,
        athlete: Some(of),
        origins: vec![],
        cause: Cause::Live,
        replay: false,
        body: JournalEntry {
            service: "test".to_owned(),
            step: step.to_string(),
            ..JournalEntry::default()
        },
    }
}

/// A record at this offset of the topic `journal`.
pub(crate) fn record(offset: i64, value: Vec<u8>) -> Record {
    Record {
        topic: Topic::Journal,
        partition: 0,
        offset,
        key: athlete(1).to_string(),
        value,
        timestamp: NOW,
    }
}

/// What a journal entry said.
pub(crate) fn step(value: &[u8]) -> String {
    match Envelope::decode(value).unwrap().payload {
        Payload::JournalEntry(entry) => entry.step,
        other => panic!("no journal entry: {other:?}"),
    }
}

/// Publishes one journal entry in a transaction of its own.
pub(crate) async fn publish_one(database: &Database, of: u128, step: impl ToString) {
    let step = step.to_string();
    database
        .run("publish", athlete(of), |tx| {
            let message = message(athlete(of), &step);
            async move { tx.publish(message).await }
        })
        .await
        .unwrap();
}

/// Runs a relay until it has published everything.
pub(crate) async fn relay_everything(database: &Database, bus: &Bus) {
    let clock = Arc::new(SystemClock::new());
    let relay = Relay::new(database.clone(), bus.publisher(PublisherKind::Relay), clock);
    let stop = Stop::new();
    stop.trigger();
    relay.run(stop).await.unwrap();
}

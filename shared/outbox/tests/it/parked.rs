//! Parked events.

use contracts::{Envelope, Topic};
use event_bus::{BuiltInLogSettings, Bus, Parking as _};
use kernel::SystemClock;
use outbox::ParkedEvents;
use testkit::{TestDatabase, databases};

use crate::support::{athlete, open, publish_one, record, relay_everything};

async fn an_event(of: &TestDatabase) -> (outbox::Database, Vec<u8>) {
    let (database, _) = open(of).await;
    publish_one(&database, 1, "stuck").await;
    let select = "SELECT value FROM outbox";
    let value = outbox::sql::fetch_scalar(database.readers(), select, []).await.unwrap();
    of.execute("DELETE FROM outbox").await;
    (database, value.unwrap())
}

#[tokio::test]
async fn what_is_parked_is_kept_whole_once_with_its_reason_and_can_be_dropped() {
    for of in databases().await {
        let (database, value) = an_event(&of).await;
        let parked = ParkedEvents::new(database).for_group("stats");
        parked.park(&record(7, value.clone()), "no such sport").await.unwrap();
        parked.park(&record(7, value.clone()), "again, after a crash").await.unwrap();
        parked.park(&record(8, vec![0xff, 0x00]), &"long ".repeat(1000)).await.unwrap();
        let list = parked.list(10).await.unwrap();
        assert_eq!((list.len(), parked.count().await.unwrap()), (2, 2), "{}", of.engine());
        let whole = list.iter().find(|event| event.offset == 7).unwrap();
        assert_eq!(
            (&whole.value, whole.reason.as_str(), whole.group.as_str()),
            (&value, "no such sport", "stats")
        );
        assert_eq!(
            (whole.athlete, whole.kind()),
            (Some(athlete(1)), Some("JournalEntry")),
            "{}",
            of.engine()
        );
        let broken = list.iter().find(|event| event.offset == 8).unwrap();
        assert_eq!(
            (broken.athlete, broken.kind(), broken.reason.len()),
            (None, None, 1000),
            "{}",
            of.engine()
        );
        assert_eq!(parked.show(&whole.id).await.unwrap().as_ref(), Some(whole), "{}", of.engine());
        assert!(
            parked.drop(&whole.id).await.unwrap() && !parked.drop(&whole.id).await.unwrap(),
            "{}",
            of.engine()
        );
        assert_eq!(parked.show(&whole.id).await.unwrap(), None, "{}", of.engine());
    }
}

#[tokio::test]
async fn another_record_at_the_offset_of_a_parked_one_is_parked_too() {
    for of in databases().await {
        let (database, value) = an_event(&of).await;
        let parked = ParkedEvents::new(database).for_group("stats");
        for _ in 0..2 {
            for value in [value.clone(), b"of a second log".to_vec(), b"of a third log".to_vec()] {
                parked.park(&record(7, value), "no such sport").await.unwrap();
            }
        }
        let list = parked.list(10).await.unwrap();
        assert_eq!(list.len(), 3, "{}", of.engine());
        for event in &list {
            assert_eq!((event.group.as_str(), event.offset), ("stats", 7), "{}", of.engine());
        }
    }
}

#[tokio::test]
async fn a_replayed_event_comes_again_byte_for_byte_with_its_own_id() {
    for of in databases().await {
        let (database, value) = an_event(&of).await;
        let directory = tempfile::tempdir().unwrap();
        let bus = Bus::open_built_in(BuiltInLogSettings::new(
            directory.path().join("bus.db"),
            std::sync::Arc::new(SystemClock::new()),
        ))
        .await
        .unwrap();
        bus.ensure_topics(&[Topic::Journal]).await.unwrap();
        let parked = ParkedEvents::new(database.clone());
        parked.park(&record(7, value.clone()), "a bug").await.unwrap();
        let id = parked.list(1).await.unwrap().remove(0).id;
        assert!(parked.replay(&id).await.unwrap());
        assert!(!parked.replay(&id).await.unwrap(), "{}", of.engine());
        relay_everything(&database, &bus).await;
        let records = bus.read_all(Topic::Journal).await.unwrap();
        assert_eq!(records.len(), 1, "{}", of.engine());
        assert_eq!(records[0].value, value, "{}", of.engine());
        assert!(Envelope::decode(&records[0].value).is_ok());
        assert_eq!(parked.count().await.unwrap(), 0, "{}", of.engine());
    }
}

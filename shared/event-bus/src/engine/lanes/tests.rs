//! Tests of the lanes.

use std::time::Duration;

use contracts::Topic;
use kernel::Timestamp;
use proptest::prelude::*;

use super::*;

fn queued(key: &str, offset: i64) -> QueuedRecord {
    let topic_partition = TopicPartition { topic: Topic::Activities, partition: 0 };
    let record = Record {
        topic: Topic::Activities,
        partition: 0,
        offset,
        key: key.to_owned(),
        value: Vec::new(),
        timestamp: Timestamp::from_micros(0),
    };
    QueuedRecord::new(Assignment { topic_partition, generation: 1 }, record)
}

fn offset(taken: Option<&(LaneKey, QueuedRecord)>) -> Option<i64> {
    taken.map(|(_, queued)| queued.record.offset)
}

#[test]
fn two_records_of_one_key_never_run_at_once() {
    let mut lanes = Lanes::new(4);
    lanes.push(queued("a", 1));
    lanes.push(queued("a", 2));
    lanes.push(queued("b", 3));
    let first = lanes.take_next();
    assert_eq!(offset(first.as_ref()), Some(1));
    assert_eq!(offset(lanes.take_next().as_ref()), Some(3));
    assert!(lanes.take_next().is_none());
    lanes.finish(&first.unwrap().0);
    assert_eq!(offset(lanes.take_next().as_ref()), Some(2));
}

#[test]
fn a_key_that_backs_off_keeps_its_place_and_frees_the_lane() {
    let mut lanes = Lanes::new(1);
    lanes.push(queued("a", 1));
    lanes.push(queued("a", 2));
    lanes.push(queued("b", 3));
    let now = Instant::now();
    let until = now + Duration::from_secs(1);
    let (key, failed) = lanes.take_next().unwrap();
    lanes.back_off(key, failed, Backoff { until, unavailable: false });
    let (b, other) = lanes.take_next().unwrap();
    assert_eq!(other.record.offset, 3);
    lanes.finish(&b);
    assert!(lanes.take_next().is_none());
    lanes.wake_early(now);
    assert_eq!(lanes.next_due(), Some(until), "the back-off of a failure is not shortened");
    lanes.wake_due(until);
    assert_eq!(offset(lanes.take_next().as_ref()), Some(1));
}

#[test]
fn records_that_wait_for_a_dependency_wake_early_when_it_is_back() {
    let mut lanes = Lanes::new(2);
    lanes.push(queued("a", 1));
    lanes.push(queued("b", 2));
    let now = Instant::now();
    for _ in 0..2 {
        let (key, waiting) = lanes.take_next().unwrap();
        lanes.back_off(
            key,
            waiting,
            Backoff { until: now + Duration::from_secs(30), unavailable: true },
        );
    }
    let soon = now + Duration::from_millis(500);
    lanes.wake_early(soon);
    assert_eq!(lanes.next_due(), Some(soon));
    lanes.wake_due(soon);
    assert!(lanes.take_next().is_some() && lanes.take_next().is_some());
    assert_eq!(lanes.next_due(), None);
}

#[test]
fn a_revoked_partition_leaves_nothing_behind() {
    let mut lanes = Lanes::new(1);
    for offset in 0..10 {
        lanes.push(queued(if offset % 2 == 0 { "a" } else { "b" }, offset));
    }
    let (key, _running) = lanes.take_next().unwrap();
    lanes.discard_queued(|_| true);
    lanes.finish(&key);
    assert!(lanes.take_next().is_none());
    assert!(lanes.by_key.is_empty());
}

proptest! {
    #[test]
    fn every_record_runs_once_and_in_order_within_its_key(
        keys in prop::collection::vec(0_u8..5, 1..80),
        choices in prop::collection::vec(any::<(bool, prop::sample::Index)>(), 400),
        max_running in 1_usize..5,
    ) {
        let mut lanes = Lanes::new(max_running);
        for (offset, key) in (0..).zip(&keys) {
            lanes.push(queued(&key.to_string(), offset));
        }
        let now = Instant::now();
        let mut running: Vec<(LaneKey, QueuedRecord)> = Vec::new();
        let mut done: Vec<(String, i64)> = Vec::new();
        let mut choices = choices.into_iter().cycle();
        let mut back_offs = 0;
        while done.len() < keys.len() {
            while let Some(taken) = lanes.take_next() {
                prop_assert!(running.iter().all(|(key, _)| *key != taken.0));
                running.push(taken);
            }
            prop_assert!(running.len() <= max_running);
            lanes.wake_due(now);
            if running.is_empty() { continue; }
            let (fails, index) = choices.next().unwrap();
            let (key, queued) = running.swap_remove(index.index(running.len()));
            if fails && back_offs < 200 {
                back_offs += 1;
                lanes.back_off(key, queued, Backoff { until: now, unavailable: back_offs % 2 == 0 });
            } else {
                done.push((queued.record.key.clone(), queued.record.offset));
                lanes.finish(&key);
            }
        }
        for wanted in 0..5_u8 {
            let offsets: Vec<i64> = done.iter().filter(|(key, _)| *key == wanted.to_string()).map(|(_, offset)| *offset).collect();
            prop_assert!(offsets.is_sorted());
        }
        prop_assert!(lanes.by_key.is_empty());
    }
}

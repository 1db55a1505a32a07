//! Claims about the lanes.

use std::time::Duration;

use contracts::Topic;
use kernel::Timestamp;
use proptest::prelude::*;

use super::*;

fn item(key: &str, offset: i64) -> Item {
    let from = Assigned { topic: Topic::Activities, partition: 0, generation: 1 };
    let record = Record {
        topic: Topic::Activities,
        partition: 0,
        offset,
        key: key.to_owned(),
        value: Vec::new(),
        timestamp: Timestamp::from_micros(0),
    };
    Item::new(from, record)
}

fn offset(taken: Option<&(Key, Item)>) -> Option<i64> {
    taken.map(|(_, item)| item.record.offset)
}

#[test]
fn two_records_of_one_key_never_run_at_once() {
    let mut lanes = Lanes::new(4);
    lanes.push(item("a", 1));
    lanes.push(item("a", 2));
    lanes.push(item("b", 3));
    let first = lanes.take();
    assert_eq!(offset(first.as_ref()), Some(1));
    assert_eq!(offset(lanes.take().as_ref()), Some(3));
    assert!(lanes.take().is_none());
    lanes.finish(&first.unwrap().0);
    assert_eq!(offset(lanes.take().as_ref()), Some(2));
}

#[test]
fn a_resting_key_keeps_its_place_and_leaves_the_lane_to_others() {
    let mut lanes = Lanes::new(1);
    lanes.push(item("a", 1));
    lanes.push(item("a", 2));
    lanes.push(item("b", 3));
    let now = Instant::now();
    let until = now + Duration::from_secs(1);
    let (key, failed) = lanes.take().unwrap();
    lanes.rest(key, failed, Rest { until, away: false });
    let (b, other) = lanes.take().unwrap();
    assert_eq!(other.record.offset, 3);
    lanes.finish(&b);
    assert!(lanes.take().is_none());
    lanes.hurry(now);
    assert_eq!(lanes.next_due(), Some(until), "a failure's rest is not cut short");
    lanes.wake(until);
    assert_eq!(offset(lanes.take().as_ref()), Some(1));
}

#[test]
fn whoever_waits_for_what_was_away_hurries_when_it_is_back() {
    let mut lanes = Lanes::new(2);
    lanes.push(item("a", 1));
    lanes.push(item("b", 2));
    let now = Instant::now();
    for _ in 0..2 {
        let (key, away) = lanes.take().unwrap();
        lanes.rest(key, away, Rest { until: now + Duration::from_secs(30), away: true });
    }
    let soon = now + Duration::from_millis(500);
    lanes.hurry(soon);
    assert_eq!(lanes.next_due(), Some(soon));
    lanes.wake(soon);
    assert!(lanes.take().is_some() && lanes.take().is_some());
    assert_eq!(lanes.next_due(), None);
}

#[test]
fn a_revoked_partition_leaves_nothing_behind() {
    let mut lanes = Lanes::new(1);
    for offset in 0..10 {
        lanes.push(item(if offset % 2 == 0 { "a" } else { "b" }, offset));
    }
    let (key, _running) = lanes.take().unwrap();
    lanes.forget(|_| true);
    lanes.finish(&key);
    assert!(lanes.take().is_none());
    assert!(lanes.keys.is_empty());
}

proptest! {
    #[test]
    fn every_record_runs_once_and_in_order_within_its_key(
        keys in prop::collection::vec(0_u8..5, 1..80),
        choices in prop::collection::vec(any::<(bool, prop::sample::Index)>(), 400),
        most in 1_usize..5,
    ) {
        let mut lanes = Lanes::new(most);
        for (offset, key) in (0..).zip(&keys) {
            lanes.push(item(&key.to_string(), offset));
        }
        let now = Instant::now();
        let mut running: Vec<(Key, Item)> = Vec::new();
        let mut done: Vec<(String, i64)> = Vec::new();
        let mut choices = choices.into_iter().cycle();
        let mut rests = 0;
        while done.len() < keys.len() {
            while let Some(taken) = lanes.take() {
                prop_assert!(running.iter().all(|(key, _)| *key != taken.0));
                running.push(taken);
            }
            prop_assert!(running.len() <= most);
            lanes.wake(now);
            if running.is_empty() { continue; }
            let (fails, index) = choices.next().unwrap();
            let (key, item) = running.swap_remove(index.index(running.len()));
            if fails && rests < 200 {
                rests += 1;
                lanes.rest(key, item, Rest { until: now, away: rests % 2 == 0 });
            } else {
                done.push((item.record.key.clone(), item.record.offset));
                lanes.finish(&key);
            }
        }
        for wanted in 0..5_u8 {
            let of: Vec<i64> = done.iter().filter(|(key, _)| *key == wanted.to_string()).map(|(_, at)| *at).collect();
            prop_assert!(of.is_sorted());
        }
        prop_assert!(lanes.keys.is_empty());
    }
}

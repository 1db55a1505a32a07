//! Parts of an observation.

use kernel::{ApplicationId, AthleteId, Source, StravaActivityId};
use proptest::prelude::*;

use super::*;

pub(crate) fn key() -> ObservationKey {
    let athlete = AthleteId::from_uuid(uuid::Uuid::from_u128(1));
    ObservationKey::strava(athlete, ApplicationId::new(1), StravaActivityId::new(10))
}

pub(crate) fn facts(name: &str) -> Facts {
    let body = serde_json::json!({
        "id": 10, "name": name, "distance": 1000,
        "start_date": "2026-01-01T10:00:00Z", "start_date_local": "2026-01-01T11:00:00Z",
    });
    Facts::from_summary(&serde_json::from_value(body).unwrap())
}

pub(crate) fn answer(ticket: i64) -> SourceAnswer {
    SourceAnswer {
        ticket: Ticket::new(ticket),
        generation: Generation::new(1),
        answered_at: Timestamp::from_secs(ticket),
    }
}

pub(crate) fn streams(key: &str) -> StreamsRef {
    StreamsRef { key: key.to_owned(), bytes: 1, points: 1, kinds: vec!["time".to_owned()] }
}

#[test]
fn a_slow_old_answer_does_not_overwrite_a_newer_one() {
    let mut observation = Observation::empty(key());
    observation.record_detail(answer(2), facts("new"));

    assert!(!observation.record_detail(answer(1), facts("old")));
    assert_eq!(observation.facts().unwrap().name, "new");
}

#[test]
fn a_summary_page_does_not_erase_details() {
    let mut observation = Observation::empty(key());
    observation.record_detail(answer(1), facts("detail"));
    observation.record_streams(answer(1), streams("one"));

    observation.record_summary(answer(2), facts("renamed"));

    assert!(observation.detail.is_some() && observation.streams.is_some());
    assert_eq!(observation.facts().unwrap().name, "renamed");
}

#[test]
fn a_removal_outranks_older_answers_and_a_later_answer_revives() {
    let mut observation = Observation::empty(key());
    observation.record_detail(answer(1), facts("first"));
    observation.record_missing(answer(3));

    assert!(!observation.record_detail(answer(2), facts("slow")));
    assert!(!observation.is_present());
    assert!(observation.record_detail(answer(4), facts("again")));
    assert!(observation.is_present());
}

#[test]
fn a_removal_older_than_the_last_answer_removes_nothing() {
    let mut observation = Observation::empty(key());
    observation.record_detail(answer(5), facts("there"));

    observation.record_missing(answer(4));

    assert!(observation.is_present());
}

#[test]
fn each_part_expires_by_its_own_age_and_a_file_never() {
    let mut observation = Observation::empty(key());
    observation.record_detail(answer(1), facts("detail"));
    observation.record_streams(answer(2), streams("one"));
    observation.record_summary(answer(3), facts("row"));
    assert_eq!(observation.facts_since(), Some(Timestamp::from_secs(1)));
    let file = Observation {
        key: ObservationKey { source: Source::File, ..key() },
        ..observation.clone()
    };

    observation.expire_streams(Timestamp::from_secs(2));
    observation.expire_facts(Timestamp::from_secs(2));
    assert!(observation.streams.is_some());
    assert_eq!(observation.facts_since(), Some(Timestamp::from_secs(3)));
    assert_eq!(observation.facts().unwrap().name, "row");
    observation.expire_streams(Timestamp::from_secs(3));
    observation.expire_facts(Timestamp::from_secs(4));
    assert_eq!((observation.streams.is_none(), observation.facts_since()), (true, None));
    assert_eq!(observation.facts().unwrap().name, "");
    assert!(observation.is_present());

    let mut expired = file.clone();
    expired.expire_streams(Timestamp::from_secs(9));
    expired.expire_facts(Timestamp::from_secs(9));
    assert_eq!((&expired, expired.facts_since()), (&file, None));
}

#[test]
fn an_object_that_is_no_longer_used_is_returned() {
    let mut observation = Observation::empty(key());

    assert_eq!(observation.record_streams(answer(2), streams("two")), None);
    assert_eq!(observation.record_streams(answer(1), streams("one")), Some("one".to_owned()));
    assert_eq!(observation.record_streams(answer(3), streams("three")), Some("two".to_owned()));
    assert_eq!(
        observation.record_missing(answer(4)).map(|gone| gone.key),
        Some("three".to_owned())
    );
}

#[test]
fn origins_name_every_connection_the_answers_came_through() {
    let mut observation = Observation::empty(key());
    observation.record_detail(answer(1), facts("first"));
    let later = SourceAnswer { generation: Generation::new(2), ..answer(2) };
    observation.record_summary(later, facts("second"));

    let generations: Vec<_> = observation.origins().iter().map(|o| o.generation.get()).collect();
    assert_eq!(generations, [1, 2]);

    observation.erase_through(Generation::new(1));
    assert!(observation.detail.is_none() && observation.summary.is_some());
}

#[derive(Clone, Debug)]
enum RecordedAnswer {
    Summary(String),
    Detail(String),
    Missing,
}

fn answers() -> impl Strategy<Value = Vec<(i64, RecordedAnswer)>> {
    let answer = prop_oneof![
        "[a-z]{1,3}".prop_map(RecordedAnswer::Summary),
        "[a-z]{1,3}".prop_map(RecordedAnswer::Detail),
        Just(RecordedAnswer::Missing),
    ];
    prop::collection::vec(answer, 1..8).prop_map(|list| (1..).zip(list).collect())
}

fn fold(answers: &[(i64, RecordedAnswer)]) -> Option<String> {
    let mut observation = Observation::empty(key());
    for (ticket, recorded) in answers {
        match recorded {
            RecordedAnswer::Summary(name) => {
                _ = observation.record_summary(answer(*ticket), facts(name));
            }
            RecordedAnswer::Detail(name) => {
                _ = observation.record_detail(answer(*ticket), facts(name));
            }
            RecordedAnswer::Missing => _ = observation.record_missing(answer(*ticket)),
        }
    }
    observation.facts().map(|facts| facts.name.clone())
}

proptest! {
    #[test]
    fn answers_in_any_order_and_repeated_end_the_same(
        (sorted, shuffled) in answers().prop_flat_map(|list| {
            let doubled: Vec<_> = list.iter().chain(list.iter()).cloned().collect();
            (Just(list), Just(doubled).prop_shuffle())
        })
    ) {
        prop_assert_eq!(fold(&sorted), fold(&shuffled));
    }
}

#[test]
fn each_answer_has_a_streams_object_of_its_own_and_each_file_one() {
    let athlete = key().athlete;
    let strava = answer(7).streams_object_key(&key());
    assert_eq!(strava, format!("athletes/{athlete}/strava/1/1/10/7"));

    let file = ObservationKey { source: Source::File, ..key() };
    assert_eq!(answer(7).streams_object_key(&file), format!("athletes/{athlete}/file/10"));
}

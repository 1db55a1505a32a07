use kernel::{ApplicationId, Source, SourceId};
use proptest::prelude::*;

use super::*;
use crate::domain::observation::tests::{answer, facts, key, streams};
use crate::domain::observation_key::ObservationKey;

fn derive(observation: &Observation) -> ActivityState {
    ActivityState::derive(std::slice::from_ref(observation))
}

/// An observation by a source: name, distance and heart rate of its facts, and the points of its streams.
fn observation(
    source: Source,
    id: &str,
    (name, distance_dm, heartrate): (&str, i64, Option<i64>),
    points: i64,
) -> Observation {
    let key = ObservationKey { source, source_id: SourceId::new(id).unwrap(), ..key() };
    let mut observation = Observation::empty(key);
    let measured = Facts { distance_dm, average_heartrate_dbpm: heartrate, ..facts(name) };
    observation.record_detail(answer(points + 1), measured);
    if points > 0 {
        let streams = StreamsRef { points, ..streams(id) };
        observation.record_streams(answer(points + 1), streams);
    }
    observation
}

fn strava(application: i64) -> Source {
    Source::Strava(ApplicationId::new(application))
}

fn fields_of(state: &ActivityState, source: Source) -> Vec<&str> {
    let source = state.sources.iter().find(|it| it.key.source == source).unwrap();
    source.fields.iter().map(String::as_str).collect()
}

#[test]
fn stravas_title_and_the_files_finer_recording_make_one_activity() {
    let at_strava = observation(strava(1), "10", ("Morning run", 1_000, None), 100);
    let file = observation(Source::File, "ab", ("2026-01-01.fit", 1_010, Some(1_400)), 900);

    let state = ActivityState::derive(&[file, at_strava]);

    let facts = state.facts.as_ref().unwrap();
    assert_eq!((facts.name.as_str(), facts.distance_dm), ("Morning run", 1_010));
    assert_eq!(state.streams.as_ref().unwrap().key, "ab");
    assert_eq!(state.leading_source().unwrap().source, strava(1));
    assert_eq!(fields_of(&state, strava(1)), [""; 0]);
    let of_file = fields_of(&state, Source::File);
    assert!(of_file.contains(&"distance") && of_file.contains(&"streams"), "{of_file:?}");
}

#[test]
fn the_message_names_every_source_and_what_came_from_it() {
    let at_strava = observation(strava(1), "10", ("Morning run", 1_000, None), 900);
    let file = observation(Source::File, "ab", ("file", 1_010, Some(1_400)), 100);
    let state = ActivityState::derive(&[file, at_strava]);
    let activity = Activity {
        id: ActivityId::from_uuid(uuid::Uuid::from_u128(7)),
        athlete: AthleteId::from_uuid(uuid::Uuid::from_u128(8)),
        source: state.leading_source().unwrap(),
        revision: Revision::new(3),
        cause: Cause::Live,
        changed_at: Timestamp::from_secs(1),
        state,
    };

    let wire = activity.to_wire();

    assert_eq!((wire.activity, wire.revision, wire.removed), (activity.id.to_string(), 3, false));
    assert_eq!((wire.application, wire.strava_activity), (1, 10));
    assert_eq!((wire.source.as_str(), wire.source_id.as_str()), ("strava:1", "10"));
    assert_eq!(wire.streams.unwrap().points, 900);
    let sources: Vec<_> = wire.sources.into_iter().map(|it| (it.source, it.fields)).collect();
    let of_file = ("file".to_owned(), vec!["average_heartrate".to_owned()]);
    assert_eq!(sources, [("strava:1".to_owned(), Vec::new()), of_file]);
}

#[test]
fn a_heart_rate_that_strava_lacks_comes_from_the_file() {
    let at_strava = observation(strava(1), "10", ("Morning run", 1_000, None), 900);
    let file = observation(Source::File, "ab", ("file", 1_010, Some(1_400)), 100);

    let state = ActivityState::derive(&[at_strava, file]);

    let facts = state.facts.as_ref().unwrap();
    assert_eq!((facts.distance_dm, facts.average_heartrate_dbpm), (1_000, Some(1_400)));
    assert_eq!(fields_of(&state, Source::File), ["average_heartrate"]);
}

#[test]
fn what_only_a_file_says_outlives_strava() {
    let mut at_strava = observation(strava(1), "10", ("Morning run", 1_000, None), 0);
    let file = observation(Source::File, "ab", ("file", 1_010, None), 0);
    at_strava.record_missing(answer(50));

    let state = ActivityState::derive(&[at_strava, file.clone()]);

    assert_eq!(state, derive(&file));
    assert!(state.origins.is_empty());
}

#[test]
fn of_two_applications_the_one_that_answered_last_leads() {
    let old = observation(strava(1), "10", ("Before", 1_000, None), 0);
    let mut new = observation(strava(2), "10", ("Before", 1_000, None), 0);
    new.record_summary(answer(9), facts("Renamed"));

    let state = ActivityState::derive(&[old, new]);

    assert_eq!(state.facts.unwrap().name, "Renamed");
    assert_eq!(state.sources.len(), 2);
    assert_eq!(state.origins.len(), 2);
}

#[test]
fn streams_do_not_outlive_their_activity() {
    let mut observation = Observation::empty(key());
    observation.record_detail(answer(1), facts("there"));
    observation.record_streams(answer(1), streams("k"));
    assert!(derive(&observation).streams.is_some());

    observation.record_missing(answer(2));

    let state = derive(&observation);
    assert!(state.is_removed() && state.streams.is_none());
    assert_eq!(state.leading_source(), None);
}

#[test]
fn the_same_facts_through_a_newer_connection_need_a_revision() {
    let mut before = Observation::empty(key());
    before.record_summary(answer(1), facts("same"));
    let mut after = before.clone();
    let newer = crate::domain::observation::SourceAnswer {
        generation: kernel::Generation::new(2),
        ..answer(2)
    };
    after.record_summary(newer, facts("same"));

    assert!(derive(&after).needs_revision_after(&derive(&before)));
}

#[test]
fn another_source_needs_a_revision_even_if_it_says_the_same() {
    let first = observation(strava(1), "10", ("same", 1_000, None), 0);
    let second = observation(Source::File, "ab", ("same", 1_000, None), 0);

    let both = ActivityState::derive(&[first.clone(), second]);

    assert!(both.needs_revision_after(&derive(&first)));
}

#[test]
fn a_difference_in_any_single_part_needs_a_revision() {
    let mut first = observation(strava(1), "10", ("same", 1_000, None), 100);
    first.record_detail(answer(200), facts("same"));
    let before = derive(&first);
    let without = |change: fn(&mut ActivityState)| {
        let mut after = before.clone();
        change(&mut after);
        after
    };

    for after in [
        without(|state| state.has_details = !state.has_details),
        without(|state| state.streams = None),
        without(|state| state.origins.clear()),
        without(|state| state.sources.clear()),
        without(|state| state.facts = None),
    ] {
        assert_ne!(after, before);
        assert!(after.needs_revision_after(&before), "{after:?}");
        assert!(before.needs_revision_after(&after), "{after:?}");
    }
}

#[test]
fn a_tombstone_after_a_tombstone_needs_no_revision() {
    let mut gone = Observation::empty(key());
    gone.record_detail(answer(1), facts("there"));
    gone.record_missing(answer(2));

    assert!(derive(&gone).is_removed());
    assert!(!derive(&gone).needs_revision_after(&derive(&gone)));
}

#[test]
fn the_same_facts_again_need_no_revision() {
    let mut before = Observation::empty(key());
    before.record_summary(answer(1), facts("same"));
    let mut after = before.clone();
    after.record_summary(answer(2), facts("same"));

    assert!(!derive(&after).needs_revision_after(&derive(&before)));
}

fn observations() -> impl Strategy<Value = Vec<Observation>> {
    let one = (0..4_i64, "[a-c]", 1..3_i64, prop::option::of(1..3_i64), 0..3_i64);
    prop::collection::vec(one, 0..4).prop_map(|list| {
        let list = list.into_iter().enumerate();
        list.map(|(number, (application, name, distance, heartrate, points))| {
            let source = if application == 0 { Source::File } else { strava(application) };
            observation(source, &number.to_string(), (&name, distance, heartrate), points)
        })
        .collect()
    })
}

proptest! {
    #[test]
    fn the_order_of_the_observations_does_not_matter(
        (sorted, shuffled) in observations()
            .prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()))
    ) {
        prop_assert_eq!(ActivityState::derive(&sorted), ActivityState::derive(&shuffled));
    }

    #[test]
    fn one_observation_gives_all_its_facts(list in observations()) {
        for observation in &list {
            let state = derive(observation);
            prop_assert_eq!(state.facts.as_ref(), observation.facts());
            prop_assert!(state.sources.iter().all(|source| source.fields.is_empty()));
        }
    }
}

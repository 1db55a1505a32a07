//! The activity as derived from its observations, which can be done again at any time.
//!
//! The merge:
//! - Observations whose source has the activity take part. Without one the activity is a tombstone.
//! - One leads and gives everything but what follows: Strava's before a file's (it has the athlete's edits), of several
//!   applications the one that answered last, of several files the one with the most points.
//! - What was measured comes from the one with the most points of streams; the leading one wins a tie.
//! - Heart rates that are still missing come from the next one that has them.

use std::cmp::Reverse;

use contracts::Origin;
use contracts::activities::{
    ActivityChanged, ActivitySource as WireSource, StreamsRef as WireStreams,
};
use contracts::wire::Cause;
use kernel::{ActivityId, AthleteId, Revision, SourceKey, Timestamp};
use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::observation::{Observation, StreamsRef};

/// Name of the streams among the fields of a source.
const STREAMS: &str = "streams";

/// The state of an activity, without its revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActivityState {
    /// None: a tombstone.
    pub(crate) facts: Option<Facts>,
    pub(crate) has_details: bool,
    pub(crate) streams: Option<StreamsRef>,
    pub(crate) origins: Vec<Origin>,
    /// The sources it was derived from, the leading one first; empty for a tombstone.
    pub(crate) sources: Vec<ActivitySource>,
}

/// One source of an activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActivitySource {
    #[serde(flatten)]
    pub(crate) key: SourceKey,
    /// Names of the fields taken from it; empty for the leading one, which gave the rest.
    pub(crate) fields: Vec<String>,
}

/// An activity as last published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Activity {
    pub(crate) id: ActivityId,
    pub(crate) athlete: AthleteId,
    /// The leading source; of a tombstone the last one that had it.
    pub(crate) source: SourceKey,
    pub(crate) revision: Revision,
    pub(crate) cause: Cause,
    pub(crate) changed_at: Timestamp,
    pub(crate) state: ActivityState,
}

impl ActivityState {
    /// The source whose fields come first, if any has the activity.
    pub(crate) fn leading_source(&self) -> Option<SourceKey> {
        self.sources.first().map(|source| source.key.clone())
    }

    /// Derives the state from all observations of the activity, in any order.
    pub(crate) fn derive(observations: &[Observation]) -> Self {
        let mut present: Vec<_> = observations.iter().filter(|it| it.is_present()).collect();
        present.sort_by_key(|observation| Reverse(precedence(observation)));
        let mut state = Self {
            facts: None,
            has_details: present.iter().any(|observation| observation.detail.is_some()),
            streams: None,
            origins: merge_origins(if present.is_empty() {
                observations.iter().collect()
            } else {
                present.clone()
            }),
            sources: Vec::new(),
        };
        let Some(lead) = present.first() else { return state };
        state.sources = present
            .iter()
            .map(|observation| ActivitySource {
                key: observation.key.source_key(),
                fields: Vec::new(),
            })
            .collect();
        state.facts = lead.facts().cloned();
        state.take_measurements(&present);
        state.fill_heart_rates(&present);
        state
    }

    /// Takes what was measured, and the streams, from the observation with the most points.
    fn take_measurements(&mut self, present: &[&Observation]) {
        // Of equals the last is taken, which is the first in the order of precedence.
        let best = present.iter().enumerate().rev().max_by_key(|(_, it)| stream_points(it));
        let Some((index, recording)) = best else { return };
        self.streams = recording.streams.as_ref().map(|part| part.value.clone());
        if let (Some(facts), Some(measured)) = (&mut self.facts, recording.facts())
            && index > 0
        {
            let taken = facts.take_measured(measured).into_iter().chain([STREAMS]);
            self.sources[index].fields.extend(taken.map(str::to_owned));
        }
    }

    fn fill_heart_rates(&mut self, present: &[&Observation]) {
        let Some(facts) = &mut self.facts else { return };
        for (source, observation) in self.sources.iter_mut().zip(present) {
            let Some(other) = observation.facts() else { continue };
            let filled = facts.fill_heart_rates(other);
            source.fields.extend(filled.into_iter().map(str::to_owned));
        }
    }

    /// Returns true if the change from `earlier` is to be published.
    pub(crate) fn needs_revision_after(&self, earlier: &Self) -> bool {
        let facts_differ = match (&self.facts, &earlier.facts) {
            (Some(now), Some(before)) => now.differs_from(before),
            (None, None) => false,
            _ => true,
        };
        facts_differ
            || self.has_details != earlier.has_details
            || self.streams != earlier.streams
            || self.origins != earlier.origins
            || self.source_keys() != earlier.source_keys()
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.facts.is_none()
    }

    fn source_keys(&self) -> Vec<&SourceKey> {
        let mut keys: Vec<_> = self.sources.iter().map(|source| &source.key).collect();
        keys.sort_unstable();
        keys
    }
}

/// Returns the rank of an observation: the highest leads.
fn precedence(observation: &Observation) -> impl Ord + use<> {
    let is_strava = observation.key.source.application().is_some();
    let ticket = observation.last_sighting().map(|answer| answer.ticket).filter(|_| is_strava);
    let key = observation.key.source_key();
    (is_strava, ticket, stream_points(observation), Reverse(key))
}

fn stream_points(observation: &Observation) -> i64 {
    observation.streams.as_ref().map_or(0, |part| part.value.points)
}

fn merge_origins(observations: Vec<&Observation>) -> Vec<Origin> {
    let mut origins: Vec<_> =
        observations.into_iter().flat_map(|observation| observation.origins()).collect();
    origins.sort_unstable();
    origins.dedup();
    origins
}

impl Activity {
    /// Converts the activity to its message.
    pub(crate) fn to_wire(&self) -> ActivityChanged {
        let state = &self.state;
        let (application, strava_activity) = contracts::strava_ids(&self.source);
        ActivityChanged {
            activity: self.id.to_string(),
            revision: self.revision.get(),
            removed: state.is_removed(),
            facts: state.facts.as_ref().map(|facts| facts.to_wire(state.has_details)),
            streams: state.streams.as_ref().map(|streams| WireStreams {
                key: streams.key.clone(),
                bytes: streams.bytes,
                points: streams.points,
                kinds: streams.kinds.clone(),
            }),
            application,
            strava_activity,
            source: self.source.source.to_string(),
            source_id: self.source.source_id.to_string(),
            sources: state.sources.iter().map(ActivitySource::to_wire).collect(),
        }
    }
}

impl ActivitySource {
    fn to_wire(&self) -> WireSource {
        WireSource {
            source: self.key.source.to_string(),
            source_id: self.key.source_id.to_string(),
            fields: self.fields.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{ApplicationId, Source, SourceId};
    use proptest::prelude::*;

    use super::*;
    use crate::domain::observation::tests::{answer, facts, key, streams};
    use crate::domain::observation_key::ObservationKey;

    fn derive(observation: &Observation) -> ActivityState {
        ActivityState::derive(std::slice::from_ref(observation))
    }

    /// What a source said: its facts' name, distance and heart rate, and the points of its streams.
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

        assert_eq!(
            (wire.activity, wire.revision, wire.removed),
            (activity.id.to_string(), 3, false)
        );
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
}

//! The activity is derived from what its sources said.
//!
//! The merge: with one source, its newest facts; streams only while the activity itself is there. (The athlete's own
//! files become a second kind of source: then Strava's words win for title, sport and visibility, the recording with
//! more points for the rest.) No source left means a tombstone.

use contracts::Origin;
use contracts::activities::{ActivityChanged, StreamsRef as WireStreams};
use contracts::wire::Cause;
use kernel::{ActivityId, ApplicationId, AthleteId, Revision, StravaActivityId, Timestamp};

use super::facts::Facts;
use super::observation::{Observation, StreamsRef};

/// What is known of an activity, whatever its revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// None: a tombstone.
    pub(crate) facts: Option<Facts>,
    pub(crate) has_details: bool,
    pub(crate) streams: Option<StreamsRef>,
    pub(crate) origins: Vec<Origin>,
}

/// An activity as it was last told to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Activity {
    pub(crate) id: ActivityId,
    pub(crate) athlete: AthleteId,
    pub(crate) application: ApplicationId,
    pub(crate) strava: StravaActivityId,
    pub(crate) revision: Revision,
    pub(crate) cause: Cause,
    pub(crate) changed_at: Timestamp,
    pub(crate) state: State,
}

impl State {
    /// Merges what the sources said.
    pub(crate) fn derive(observation: &Observation) -> Self {
        let facts = observation.facts().cloned();
        let seen = facts.is_some();
        Self {
            facts,
            has_details: observation.detail.is_some(),
            streams: observation.streams.as_ref().filter(|_| seen).map(|part| part.value.clone()),
            origins: observation.origins(),
        }
    }

    /// Whether others must hear of going from `earlier` to this.
    pub(crate) fn matters_after(&self, earlier: &Self) -> bool {
        let facts_differ = match (&self.facts, &earlier.facts) {
            (Some(now), Some(before)) => now.differs_from(before),
            (None, None) => false,
            _ => true,
        };
        facts_differ
            || self.has_details != earlier.has_details
            || self.streams != earlier.streams
            || self.origins != earlier.origins
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.facts.is_none()
    }
}

impl Activity {
    /// The message.
    pub(crate) fn to_wire(&self) -> ActivityChanged {
        let state = &self.state;
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
            application: self.application.get(),
            strava_activity: self.strava.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::observation::tests::{facts, key, source};

    #[test]
    fn streams_do_not_outlive_their_activity() {
        let mut observation = Observation::unseen(key());
        observation.see_detail(source(1), facts("there"));
        let streams = StreamsRef { key: "k".into(), bytes: 1, points: 1, kinds: Vec::new() };
        observation.see_streams(source(1), streams);
        assert!(State::derive(&observation).streams.is_some());

        observation.see_missing(source(2));

        let state = State::derive(&observation);
        assert!(state.is_removed() && state.streams.is_none());
    }

    #[test]
    fn the_same_facts_through_a_newer_connection_matter() {
        let mut before = Observation::unseen(key());
        before.see_summary(source(1), facts("same"));
        let mut after = before.clone();
        let newer = crate::domain::observation::Source {
            generation: kernel::Generation::new(2),
            ..source(2)
        };
        after.see_summary(newer, facts("same"));

        assert!(State::derive(&after).matters_after(&State::derive(&before)));
    }

    #[test]
    fn the_same_facts_again_do_not_matter() {
        let mut before = Observation::unseen(key());
        before.see_summary(source(1), facts("same"));
        let mut after = before.clone();
        after.see_summary(source(2), facts("same"));

        assert!(!State::derive(&after).matters_after(&State::derive(&before)));
    }
}

//! The activity as derived from its sources.
//!
//! With one source, an activity has its newest facts, and streams only while the source has facts. (The athlete's own
//! files will be a second kind of source: then Strava's title, sport and visibility win, and the recording with more
//! points for the rest.) Without a source it is a tombstone.

use contracts::Origin;
use contracts::activities::{ActivityChanged, StreamsRef as WireStreams};
use contracts::wire::Cause;
use kernel::{ActivityId, ApplicationId, AthleteId, Revision, StravaActivityId, Timestamp};

use super::facts::Facts;
use super::observation::{Observation, StreamsRef};

/// The state of an activity, without its revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActivityState {
    /// None: a tombstone.
    pub(crate) facts: Option<Facts>,
    pub(crate) has_details: bool,
    pub(crate) streams: Option<StreamsRef>,
    pub(crate) origins: Vec<Origin>,
}

/// An activity as last published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Activity {
    pub(crate) id: ActivityId,
    pub(crate) athlete: AthleteId,
    pub(crate) application: ApplicationId,
    pub(crate) strava: StravaActivityId,
    pub(crate) revision: Revision,
    pub(crate) cause: Cause,
    pub(crate) changed_at: Timestamp,
    pub(crate) state: ActivityState,
}

impl ActivityState {
    /// Derives the state from the observation.
    pub(crate) fn from_observation(observation: &Observation) -> Self {
        let facts = observation.facts().cloned();
        let is_present = facts.is_some();
        Self {
            facts,
            has_details: observation.detail.is_some(),
            streams: observation
                .streams
                .as_ref()
                .filter(|_| is_present)
                .map(|part| part.value.clone()),
            origins: observation.origins(),
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
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.facts.is_none()
    }
}

impl Activity {
    /// Converts the activity to its message.
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
        let mut observation = Observation::empty(key());
        observation.record_detail(source(1), facts("there"));
        let streams = StreamsRef { key: "k".into(), bytes: 1, points: 1, kinds: Vec::new() };
        observation.record_streams(source(1), streams);
        assert!(ActivityState::from_observation(&observation).streams.is_some());

        observation.record_missing(source(2));

        let state = ActivityState::from_observation(&observation);
        assert!(state.is_removed() && state.streams.is_none());
    }

    #[test]
    fn the_same_facts_through_a_newer_connection_need_a_revision() {
        let mut before = Observation::empty(key());
        before.record_summary(source(1), facts("same"));
        let mut after = before.clone();
        let newer = crate::domain::observation::Source {
            generation: kernel::Generation::new(2),
            ..source(2)
        };
        after.record_summary(newer, facts("same"));

        assert!(
            ActivityState::from_observation(&after)
                .needs_revision_after(&ActivityState::from_observation(&before))
        );
    }

    #[test]
    fn the_same_facts_again_need_no_revision() {
        let mut before = Observation::empty(key());
        before.record_summary(source(1), facts("same"));
        let mut after = before.clone();
        after.record_summary(source(2), facts("same"));

        assert!(
            !ActivityState::from_observation(&after)
                .needs_revision_after(&ActivityState::from_observation(&before))
        );
    }
}

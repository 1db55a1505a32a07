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
            expired: state.facts.as_ref().is_some_and(|facts| facts.expired.is_some()),
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
mod tests;

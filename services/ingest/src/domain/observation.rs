//! The observation of one activity: each part keeps the ticket of its request and is replaced only by a higher one.

use contracts::Origin;
use kernel::{ActivityId, Generation, Ticket, Timestamp};

use super::facts::Facts;
use super::observation_key::ObservationKey;

/// Request and connection an answer came through, or the reading of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceAnswer {
    pub(crate) ticket: Ticket,
    /// Generation of the connection; 0 for a file.
    pub(crate) generation: Generation,
    /// `Date` of the answer, or the time of its arrival.
    pub(crate) answered_at: Timestamp,
}

impl SourceAnswer {
    /// Returns the key of the object with the streams of this answer. A file is read the same each time.
    pub(crate) fn streams_object_key(&self, key: &ObservationKey) -> String {
        match key.streams_prefix(self.generation) {
            Some(prefix) => format!("{prefix}/{}", self.ticket),
            None => format!("athletes/{}/file/{}", key.athlete, key.source_id),
        }
    }
}

/// A part of an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part<T> {
    pub(crate) answer: SourceAnswer,
    pub(crate) value: T,
}

/// Reference to the stored streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamsRef {
    pub(crate) key: String,
    pub(crate) bytes: i64,
    pub(crate) points: i64,
    pub(crate) kinds: Vec<String>,
}

/// The newest that one source said about one activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Observation {
    pub(crate) key: ObservationKey,
    /// Paceline's id, once the activity was present or removed.
    pub(crate) activity: Option<ActivityId>,
    pub(crate) summary: Option<Part<Facts>>,
    pub(crate) detail: Option<Part<Facts>>,
    pub(crate) streams: Option<Part<StreamsRef>>,
    /// The source's answer that there is no such activity.
    pub(crate) missing: Option<SourceAnswer>,
    pub(crate) hints: HintState,
}

/// Hints received and answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HintState {
    /// Number of hints received.
    pub(crate) received: i64,
    /// Number of hints answered: a fetch answers those received before it.
    pub(crate) answered: i64,
    /// True if a pending hint came from a webhook, not from a poll.
    pub(crate) live: bool,
    /// True if a delete was hinted and is not confirmed yet.
    pub(crate) delete: bool,
    /// Number of fetches that were planned to check the answer again.
    pub(crate) rechecks: i64,
    /// Number of fetches that were planned because streams were not ready.
    pub(crate) stream_rechecks: i64,
    /// True if it was fetched because a page that should list it did not.
    pub(crate) unlisted: bool,
}

impl Observation {
    /// Returns an observation without answers.
    pub(crate) fn empty(key: ObservationKey) -> Self {
        Self {
            key,
            activity: None,
            summary: None,
            detail: None,
            streams: None,
            missing: None,
            hints: HintState::default(),
        }
    }

    /// Records a row of the list. Details stay. Returns false if a newer answer is recorded.
    pub(crate) fn record_summary(&mut self, answer: SourceAnswer, facts: Facts) -> bool {
        self.accepts(answer) && replace(&mut self.summary, answer, facts)
    }

    /// Records the answer to a request for the activity. Returns false if a newer answer is recorded.
    pub(crate) fn record_detail(&mut self, answer: SourceAnswer, facts: Facts) -> bool {
        self.accepts(answer) && replace(&mut self.detail, answer, facts)
    }

    /// Records stored streams. Returns the key of the object that is no longer used.
    pub(crate) fn record_streams(
        &mut self,
        answer: SourceAnswer,
        streams: StreamsRef,
    ) -> Option<String> {
        let before = self.streams.as_ref().map(|part| part.value.key.clone());
        let key = streams.key.clone();
        if self.accepts(answer) && replace(&mut self.streams, answer, streams) {
            return before.filter(|before| *before != key);
        }
        Some(key)
    }

    /// Records that Strava has no such activity and removes older answers. Returns the streams that are no longer used.
    pub(crate) fn record_missing(&mut self, answer: SourceAnswer) -> Option<StreamsRef> {
        if !self.accepts(answer) {
            return None;
        }
        self.missing = Some(answer);
        let is_older = |part: &SourceAnswer| part.ticket < answer.ticket;
        self.summary.take_if(|part| is_older(&part.answer));
        self.detail.take_if(|part| is_older(&part.answer));
        self.streams.take_if(|part| is_older(&part.answer)).map(|part| part.value)
    }

    /// Returns the newest facts, of the list or of the activity itself.
    pub(crate) fn facts(&self) -> Option<&Facts> {
        let parts = [self.summary.as_ref(), self.detail.as_ref()];
        parts.into_iter().flatten().max_by_key(|part| part.answer.ticket).map(|part| &part.value)
    }

    /// Returns the answer with the newest facts.
    pub(crate) fn last_sighting(&self) -> Option<SourceAnswer> {
        let parts = [self.summary.as_ref(), self.detail.as_ref()];
        parts.into_iter().flatten().map(|part| part.answer).max_by_key(|answer| answer.ticket)
    }

    /// Returns the time of the source's last answer to a request for the activity, by the source's clock.
    pub(crate) fn answered_at(&self) -> Option<Timestamp> {
        let detail = self.detail.as_ref().map(|part| part.answer.answered_at);
        detail.max(self.missing.map(|answer| answer.answered_at))
    }

    /// Returns true if the source has the activity.
    pub(crate) fn is_present(&self) -> bool {
        self.last_sighting().is_some()
    }

    /// Returns true if nothing is known any more.
    pub(crate) fn is_blank(&self) -> bool {
        !self.is_present() && self.missing.is_none()
    }

    /// Returns every connection that the recorded answers came through; none for a file.
    pub(crate) fn origins(&self) -> Vec<Origin> {
        let Some(application) = self.key.source.application() else { return Vec::new() };
        let parts = [
            self.summary.as_ref().map(|part| part.answer),
            self.detail.as_ref().map(|part| part.answer),
            self.streams.as_ref().map(|part| part.answer),
            self.missing.filter(|_| !self.is_present()),
        ];
        let generations = parts.into_iter().flatten().map(|answer| answer.generation);
        let mut origins: Vec<_> =
            generations.map(|generation| Origin { application, generation }).collect();
        origins.sort_unstable();
        origins.dedup();
        origins
    }

    /// Erases the answers of these generations.
    pub(crate) fn erase_through(&mut self, through: Generation) {
        let is_erased = |answer: &SourceAnswer| answer.generation <= through;
        self.summary.take_if(|part| is_erased(&part.answer));
        self.detail.take_if(|part| is_erased(&part.answer));
        self.missing.take_if(|answer| is_erased(answer));
        self.streams.take_if(|part| is_erased(&part.answer));
    }

    /// Expires the facts that the source said before this instant; a file's never do.
    pub(crate) fn expire_facts(&mut self, before: Timestamp) {
        if self.key.source.application().is_none() {
            return;
        }
        for part in [&mut self.summary, &mut self.detail].into_iter().flatten() {
            if part.answer.answered_at < before {
                part.value.expire();
            }
        }
    }

    /// Removes the streams that the source gave before this instant; a file's stay.
    pub(crate) fn expire_streams(&mut self, before: Timestamp) {
        if self.key.source.application().is_some() {
            self.streams.take_if(|part| part.answer.answered_at < before);
        }
    }

    /// The instant since which facts that can expire have been stored.
    pub(crate) fn facts_since(&self) -> Option<Timestamp> {
        self.key.source.application()?;
        let parts = [self.summary.as_ref(), self.detail.as_ref()];
        let unexpired = parts.into_iter().flatten().filter(|part| part.value.expired.is_none());
        unexpired.map(|part| part.answer.answered_at).min()
    }

    /// Returns true if no newer removal is recorded.
    fn accepts(&self, answer: SourceAnswer) -> bool {
        self.missing.is_none_or(|missing| missing.ticket < answer.ticket)
    }
}

impl HintState {
    /// Returns true if a hint is not answered yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.received > self.answered
    }

    /// Records a hint.
    pub(crate) fn record(&mut self, live: bool, delete: bool) {
        self.live |= live;
        self.delete |= delete;
        self.received += 1;
        self.rechecks = 0;
        self.stream_rechecks = 0;
    }

    /// Records that a fetch answered the hints received before it.
    pub(crate) fn answer(&mut self, received: i64) {
        self.answered = self.answered.max(received);
        self.live &= self.is_pending();
    }
}

fn replace<T>(slot: &mut Option<Part<T>>, answer: SourceAnswer, value: T) -> bool {
    if slot.as_ref().is_some_and(|part| part.answer.ticket >= answer.ticket) {
        return false;
    }
    *slot = Some(Part { answer, value });
    true
}

#[cfg(test)]
pub(crate) mod tests;

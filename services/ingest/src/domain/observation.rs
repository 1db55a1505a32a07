//! The observation of one activity: each part keeps the ticket of its request and is replaced only by a higher one.

use contracts::Origin;
use kernel::{ActivityId, Generation, Source, Ticket, Timestamp};

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
        let (athlete, id) = (key.athlete, &key.source_id);
        match key.source {
            Source::Strava(application) => {
                let Self { generation, ticket, .. } = self;
                format!("athletes/{athlete}/strava/{application}/{generation}/{id}/{ticket}")
            }
            Source::File => format!("athletes/{athlete}/file/{id}"),
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
pub(crate) mod tests {
    use kernel::{ApplicationId, AthleteId, StravaActivityId};
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

        let generations: Vec<_> =
            observation.origins().iter().map(|o| o.generation.get()).collect();
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
}

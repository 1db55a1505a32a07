//! What one source said about one activity; each part keeps the ticket it came with and yields only to a higher one.

use contracts::Origin;
use kernel::{
    ActivityId, ApplicationId, AthleteId, Generation, StravaActivityId, Ticket, Timestamp,
};

use super::facts::Facts;

/// Which activity of which athlete, in Strava's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) athlete: AthleteId,
    pub(crate) application: ApplicationId,
    pub(crate) strava: StravaActivityId,
}

impl Key {
    /// The subject of its job.
    pub(crate) fn subject(&self) -> String {
        format!("{}:{}", self.application, self.strava)
    }
}

/// When and through which connection something was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) ticket: Ticket,
    pub(crate) generation: Generation,
    /// The answer's own `Date`, or when it came.
    pub(crate) answered_at: Timestamp,
}

/// A part of an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part<T> {
    pub(crate) source: Source,
    pub(crate) value: T,
}

/// Where the streams lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamsRef {
    pub(crate) key: String,
    pub(crate) bytes: i64,
    pub(crate) points: i64,
    pub(crate) kinds: Vec<String>,
}

/// What Strava said about one activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Observation {
    pub(crate) key: Key,
    /// Our own id, once it was seen or removed.
    pub(crate) activity: Option<ActivityId>,
    pub(crate) summary: Option<Part<Facts>>,
    pub(crate) detail: Option<Part<Facts>>,
    pub(crate) streams: Option<Part<StreamsRef>>,
    /// Strava answered that there is none.
    pub(crate) missing: Option<Source>,
    pub(crate) attention: Attention,
}

/// What was hinted and not yet answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attention {
    /// Rises with every hint; a fetch answers those it knew of.
    pub(crate) hints: i64,
    /// How many hints have been answered.
    pub(crate) answered: i64,
    /// Whether a webhook told us, rather than a sweep.
    pub(crate) live: bool,
    /// Whether a delete was among the hints not yet believed.
    pub(crate) delete: bool,
    /// Looks that found nothing, or found something a delete was hinted for.
    pub(crate) looks: i64,
    /// Looks that found no streams yet.
    pub(crate) stream_looks: i64,
    /// Whether a page that should have shown it did not; it was looked at then.
    pub(crate) unlisted: bool,
}

impl Observation {
    /// Nothing is known of it yet.
    pub(crate) fn unseen(key: Key) -> Self {
        Self {
            key,
            activity: None,
            summary: None,
            detail: None,
            streams: None,
            missing: None,
            attention: Attention::default(),
        }
    }

    /// A list page said this. Details stay.
    pub(crate) fn see_summary(&mut self, source: Source, facts: Facts) -> bool {
        self.admits(source) && replace(&mut self.summary, source, facts)
    }

    /// A request for this very activity said this.
    pub(crate) fn see_detail(&mut self, source: Source, facts: Facts) -> bool {
        self.admits(source) && replace(&mut self.detail, source, facts)
    }

    /// The streams lie here. Returns the object that nobody needs any more.
    pub(crate) fn see_streams(&mut self, source: Source, streams: StreamsRef) -> Option<String> {
        let before = self.streams.as_ref().map(|part| part.value.key.clone());
        let key = streams.key.clone();
        if self.admits(source) && replace(&mut self.streams, source, streams) {
            return before.filter(|before| *before != key);
        }
        Some(key)
    }

    /// Strava has none, or shows none: what it said earlier is to be forgotten. Returns the streams that go.
    pub(crate) fn see_missing(&mut self, source: Source) -> Option<StreamsRef> {
        if !self.admits(source) {
            return None;
        }
        self.missing = Some(source);
        let older = |part: &Source| part.ticket < source.ticket;
        self.summary.take_if(|part| older(&part.source));
        self.detail.take_if(|part| older(&part.source));
        self.streams.take_if(|part| older(&part.source)).map(|part| part.value)
    }

    /// The newest facts: a later page renews what an earlier detail said, it does not take the detail away.
    pub(crate) fn facts(&self) -> Option<&Facts> {
        let parts = [self.summary.as_ref(), self.detail.as_ref()];
        parts.into_iter().flatten().max_by_key(|part| part.source.ticket).map(|part| &part.value)
    }

    /// When it was last seen.
    pub(crate) fn last_sighting(&self) -> Option<Source> {
        let parts = [self.summary.as_ref(), self.detail.as_ref()];
        parts.into_iter().flatten().map(|part| part.source).max_by_key(|source| source.ticket)
    }

    /// When Strava was last asked for this very activity (or last listed it), by its own clock.
    pub(crate) fn answered_at(&self) -> Option<Timestamp> {
        let detail = self.detail.as_ref().map(|part| part.source.answered_at);
        detail.max(self.missing.map(|source| source.answered_at))
    }

    /// Whether it was ever there.
    pub(crate) fn is_seen(&self) -> bool {
        self.last_sighting().is_some()
    }

    /// Every connection that what is kept draws on.
    pub(crate) fn origins(&self) -> Vec<Origin> {
        let parts = [
            self.summary.as_ref().map(|part| part.source),
            self.detail.as_ref().map(|part| part.source),
            self.streams.as_ref().map(|part| part.source),
            self.missing.filter(|_| !self.is_seen()),
        ];
        let generations = parts.into_iter().flatten().map(|source| source.generation);
        let application = self.key.application;
        let mut origins: Vec<_> =
            generations.map(|generation| Origin { application, generation }).collect();
        origins.sort_unstable();
        origins.dedup();
        origins
    }

    /// Forgets what stems from these generations. Returns the streams that go.
    pub(crate) fn forget_through(&mut self, through: Generation) -> Option<StreamsRef> {
        let gone = |source: &Source| source.generation <= through;
        self.summary.take_if(|part| gone(&part.source));
        self.detail.take_if(|part| gone(&part.source));
        self.missing.take_if(|source| gone(source));
        self.streams.take_if(|part| gone(&part.source)).map(|part| part.value)
    }

    /// A removal that is newer outranks any answer.
    fn admits(&self, source: Source) -> bool {
        self.missing.is_none_or(|missing| missing.ticket < source.ticket)
    }
}

impl Attention {
    /// Whether a hint waits for an answer.
    pub(crate) fn is_pending(&self) -> bool {
        self.hints > self.answered
    }

    /// One more reason to look.
    pub(crate) fn hint(&mut self, live: bool, delete: bool) {
        self.live |= live;
        self.delete |= delete;
        self.hints += 1;
        self.looks = 0;
        self.stream_looks = 0;
    }
}

fn replace<T>(slot: &mut Option<Part<T>>, source: Source, value: T) -> bool {
    if slot.as_ref().is_some_and(|part| part.source.ticket >= source.ticket) {
        return false;
    }
    *slot = Some(Part { source, value });
    true
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn key() -> Key {
        Key {
            athlete: AthleteId::from_uuid(uuid::Uuid::from_u128(1)),
            application: ApplicationId::new(1),
            strava: StravaActivityId::new(10),
        }
    }

    pub(crate) fn facts(name: &str) -> Facts {
        let body = serde_json::json!({
            "id": 10, "name": name, "distance": 1000,
            "start_date": "2026-01-01T10:00:00Z", "start_date_local": "2026-01-01T11:00:00Z",
        });
        Facts::of(&serde_json::from_value(body).unwrap())
    }

    pub(crate) fn source(ticket: i64) -> Source {
        Source {
            ticket: Ticket::new(ticket),
            generation: Generation::new(1),
            answered_at: Timestamp::from_secs(ticket),
        }
    }

    fn streams(key: &str) -> StreamsRef {
        StreamsRef { key: key.to_owned(), bytes: 1, points: 1, kinds: vec!["time".to_owned()] }
    }

    #[test]
    fn a_slow_old_answer_does_not_overwrite_a_newer_one() {
        let mut observation = Observation::unseen(key());
        observation.see_detail(source(2), facts("new"));

        assert!(!observation.see_detail(source(1), facts("old")));
        assert_eq!(observation.facts().unwrap().name, "new");
    }

    #[test]
    fn a_summary_page_does_not_erase_details() {
        let mut observation = Observation::unseen(key());
        observation.see_detail(source(1), facts("detail"));
        observation.see_streams(source(1), streams("one"));

        observation.see_summary(source(2), facts("renamed"));

        assert!(observation.detail.is_some() && observation.streams.is_some());
        assert_eq!(observation.facts().unwrap().name, "renamed");
    }

    #[test]
    fn a_removal_outranks_older_sightings_and_a_later_sighting_revives() {
        let mut observation = Observation::unseen(key());
        observation.see_detail(source(1), facts("first"));
        observation.see_missing(source(3));

        assert!(!observation.see_detail(source(2), facts("slow")));
        assert!(!observation.is_seen());
        assert!(observation.see_detail(source(4), facts("again")));
        assert!(observation.is_seen());
    }

    #[test]
    fn a_removal_older_than_the_last_sighting_removes_nothing() {
        let mut observation = Observation::unseen(key());
        observation.see_detail(source(5), facts("there"));

        observation.see_missing(source(4));

        assert!(observation.is_seen());
    }

    #[test]
    fn the_object_nobody_needs_is_named() {
        let mut observation = Observation::unseen(key());

        assert_eq!(observation.see_streams(source(2), streams("two")), None);
        assert_eq!(observation.see_streams(source(1), streams("one")), Some("one".to_owned()));
        assert_eq!(observation.see_streams(source(3), streams("three")), Some("two".to_owned()));
        assert_eq!(
            observation.see_missing(source(4)).map(|gone| gone.key),
            Some("three".to_owned())
        );
    }

    #[test]
    fn origins_name_every_connection_that_is_drawn_on() {
        let mut observation = Observation::unseen(key());
        observation.see_detail(source(1), facts("first"));
        let later = Source { generation: Generation::new(2), ..source(2) };
        observation.see_summary(later, facts("second"));

        let generations: Vec<_> =
            observation.origins().iter().map(|o| o.generation.get()).collect();
        assert_eq!(generations, [1, 2]);

        observation.forget_through(Generation::new(1));
        assert!(observation.detail.is_none() && observation.summary.is_some());
    }

    #[derive(Clone, Debug)]
    enum Saying {
        Summary(String),
        Detail(String),
        Missing,
    }

    fn sayings() -> impl Strategy<Value = Vec<(i64, Saying)>> {
        let saying = prop_oneof![
            "[a-z]{1,3}".prop_map(Saying::Summary),
            "[a-z]{1,3}".prop_map(Saying::Detail),
            Just(Saying::Missing),
        ];
        prop::collection::vec(saying, 1..8).prop_map(|list| (1..).zip(list).collect())
    }

    fn fold(sayings: &[(i64, Saying)]) -> Option<String> {
        let mut observation = Observation::unseen(key());
        for (ticket, saying) in sayings {
            match saying {
                Saying::Summary(name) => _ = observation.see_summary(source(*ticket), facts(name)),
                Saying::Detail(name) => _ = observation.see_detail(source(*ticket), facts(name)),
                Saying::Missing => _ = observation.see_missing(source(*ticket)),
            }
        }
        observation.facts().map(|facts| facts.name.clone())
    }

    proptest! {
        #[test]
        fn answers_in_any_order_and_repeated_end_the_same(
            (sorted, shuffled) in sayings().prop_flat_map(|list| {
                let doubled: Vec<_> = list.iter().chain(list.iter()).cloned().collect();
                (Just(list), Just(doubled).prop_shuffle())
            })
        ) {
            prop_assert_eq!(fold(&sorted), fold(&shuffled));
        }
    }
}

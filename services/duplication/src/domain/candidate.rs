//! The decision to copy an activity under a link.

use contracts::Origin;
use kernel::{ActivityId, AthleteId, StravaActivityId};

use super::copy::CopySource;
use super::link::Link;
use super::matching::find_name;
use super::{external_id, reason};

/// A revision of a guardian's activity.
#[derive(Clone, Debug)]
pub(crate) struct ActivityRevision {
    pub(crate) athlete: AthleteId,
    pub(crate) activity: ActivityId,
    pub(crate) revision: i64,
    pub(crate) origins: Vec<Origin>,
    /// True if it was seen live or by the sweep; only such a revision begins a copy.
    pub(crate) is_live: bool,
    /// True if it answers a replay; a copy made before the service lost its rows may exist.
    pub(crate) is_replay: bool,
    pub(crate) traceparent: String,
    /// True if `strava.retention` has left only what is counted.
    pub(crate) is_expired: bool,
    /// Strava's ids of the activity.
    pub(crate) strava_activities: Vec<StravaActivityId>,
    /// `None` if the activity was removed.
    pub(crate) candidate: Option<CopyCandidate>,
}

/// An activity of a guardian that may have to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CopyCandidate {
    pub(crate) source: CopySource,
    pub(crate) external_id: String,
    pub(crate) is_manual: bool,
    pub(crate) is_private: bool,
    /// Kinds of the stored streams; `None` if none are stored (yet).
    pub(crate) stream_kinds: Option<Vec<String>>,
    /// True if the activity was made by an upload of ours.
    pub(crate) is_own_copy: bool,
}

/// Result of asking a link about an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CopyDecision {
    /// The link does not cover it.
    NotMatched,
    /// Covered, but it cannot be copied, for this reason.
    Skip(&'static str),
    /// Covered, but something is still to come, named by the reason.
    Wait(&'static str),
    /// To be copied.
    Copy,
}

impl CopyCandidate {
    /// Decides about a copy under this link. A copy of ours is never copied again.
    pub(crate) fn decide(&self, link: &Link, copies_private: bool) -> CopyDecision {
        if !link.covers(self.source.start_at)
            || self.is_own_copy
            || external_id::is_ours(&self.external_id)
            || find_name(&self.source.name, link.names.iter()).is_none()
        {
            return CopyDecision::NotMatched;
        }
        if self.is_private && !copies_private {
            return CopyDecision::Skip(reason::PRIVATE);
        }
        match &self.stream_kinds {
            None if self.is_manual => CopyDecision::Skip(reason::NO_STREAMS),
            None => CopyDecision::Wait(reason::STREAMS_PENDING),
            Some(kinds) if kinds.iter().any(|kind| kind == "time") => CopyDecision::Copy,
            Some(_) => CopyDecision::Skip(reason::NO_STREAMS),
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{AthleteId, LinkId, Timestamp};
    use uuid::Uuid;

    use super::super::link::{LinkState, Names};
    use super::*;

    fn link() -> Link {
        Link {
            id: LinkId::from_uuid(Uuid::from_u128(1)),
            guardian: AthleteId::from_uuid(Uuid::from_u128(2)),
            child: AthleteId::from_uuid(Uuid::from_u128(3)),
            guardian_name: String::new(),
            child_name: String::new(),
            names: Names::parse(&["Milla".to_owned()]).unwrap(),
            share_heart_rate: false,
            state: LinkState::Accepted,
            created_at: Timestamp::from_secs(50),
            accepted_at: Some(Timestamp::from_micros(100_600_000)),
        }
    }

    fn candidate() -> CopyCandidate {
        CopyCandidate {
            source: CopySource {
                revision: 1,
                name: "Run with Milla".to_owned(),
                sport: "Run".to_owned(),
                start_at: Timestamp::from_secs(100),
                distance_dm: 50_000,
                trainer: false,
                commute: false,
                streams_key: "streams".to_owned(),
                origins: Vec::new(),
            },
            external_id: "garmin_ping_1".to_owned(),
            is_manual: false,
            is_private: false,
            stream_kinds: Some(vec!["time".to_owned(), "latlng".to_owned()]),
            is_own_copy: false,
        }
    }

    #[test]
    fn what_both_agreed_to_is_copied() {
        assert_eq!(candidate().decide(&link(), false), CopyDecision::Copy);
    }

    #[test]
    fn nothing_is_copied_before_both_agreed_or_after_one_ended_it() {
        let mut early = candidate();
        early.source.start_at = Timestamp::from_secs(99);
        assert_eq!(early.decide(&link(), false), CopyDecision::NotMatched);
        for state in [LinkState::Pending, LinkState::Ended] {
            assert_eq!(
                candidate().decide(&Link { state, ..link() }, false),
                CopyDecision::NotMatched
            );
        }
    }

    #[test]
    fn a_copy_is_not_copied_by_its_external_id_nor_by_its_record() {
        let marked = CopyCandidate { external_id: "paceline-x-y.gpx".to_owned(), ..candidate() };
        let known = CopyCandidate { is_own_copy: true, ..candidate() };
        assert_eq!(
            [marked, known].map(|copy| copy.decide(&link(), false)),
            [CopyDecision::NotMatched; 2]
        );
    }

    #[test]
    fn what_has_nothing_to_upload_waits_or_is_skipped_with_a_reason() {
        let pending = CopyCandidate { stream_kinds: None, ..candidate() };
        assert_eq!(pending.decide(&link(), false), CopyDecision::Wait(reason::STREAMS_PENDING));
        let manual = CopyCandidate { is_manual: true, ..pending };
        assert_eq!(manual.decide(&link(), false), CopyDecision::Skip(reason::NO_STREAMS));
    }

    #[test]
    fn what_is_private_is_copied_only_where_the_operator_said_so() {
        let private = CopyCandidate { is_private: true, ..candidate() };
        assert_eq!(private.decide(&link(), false), CopyDecision::Skip(reason::PRIVATE));
        assert_eq!(private.decide(&link(), true), CopyDecision::Copy);
    }
}

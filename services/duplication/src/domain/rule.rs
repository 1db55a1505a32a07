//! What becomes of an activity under a link.

use kernel::Timestamp;

use super::copy::reason;
use super::link::Link;
use super::matching::named;

/// What begins the `external_id` of everything we upload.
pub(crate) const MARK: &str = "paceline-";

/// The facts of an activity that a link is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) name: String,
    pub(crate) external_id: String,
    pub(crate) start_at: Timestamp,
    pub(crate) manual: bool,
    pub(crate) private: bool,
    /// The kinds of streams that are stored; none when nothing is stored (yet).
    pub(crate) streams: Option<Vec<String>>,
    /// Whether the ledger knows it as a copy that we made.
    pub(crate) is_known_copy: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The link does not speak of it.
    NotMeant,
    /// It is meant, but cannot be copied.
    Skip(&'static str),
    /// It is meant, and something is still to come.
    Wait(&'static str),
    /// Copy it.
    Copy,
}

impl Sighting {
    /// Whether we made it: a copy is never copied.
    pub(crate) fn is_copy(&self) -> bool {
        self.is_known_copy || self.external_id.starts_with(MARK)
    }

    /// What this link says about it.
    pub(crate) fn under(&self, link: &Link, private_too: bool) -> Verdict {
        if !link.covers(self.start_at)
            || self.is_copy()
            || named(&self.name, link.names.iter()).is_none()
        {
            return Verdict::NotMeant;
        }
        if self.private && !private_too {
            return Verdict::Skip(reason::PRIVATE);
        }
        match &self.streams {
            None if self.manual => Verdict::Skip(reason::NO_STREAMS),
            None => Verdict::Wait(reason::STREAMS_PENDING),
            Some(kinds) if kinds.iter().any(|kind| kind == "time") => Verdict::Copy,
            Some(_) => Verdict::Skip(reason::NO_STREAMS),
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{AthleteId, LinkId};
    use uuid::Uuid;

    use super::super::link::{LinkState, Names};
    use super::*;

    fn link() -> Link {
        Link {
            id: LinkId::from_uuid(Uuid::from_u128(1)),
            guardian: AthleteId::from_uuid(Uuid::from_u128(2)),
            child: AthleteId::from_uuid(Uuid::from_u128(3)),
            names: Names::parse(&["Milla".to_owned()]).unwrap(),
            share_heart_rate: false,
            state: LinkState::Accepted,
            created_at: Timestamp::from_secs(50),
            accepted_at: Some(Timestamp::from_micros(100_600_000)),
        }
    }

    fn sighting() -> Sighting {
        Sighting {
            name: "Run with Milla".to_owned(),
            external_id: "garmin_ping_1".to_owned(),
            start_at: Timestamp::from_secs(100),
            manual: false,
            private: false,
            streams: Some(vec!["time".to_owned(), "latlng".to_owned()]),
            is_known_copy: false,
        }
    }

    #[test]
    fn what_both_agreed_to_is_copied() {
        assert_eq!(sighting().under(&link(), false), Verdict::Copy);
    }

    #[test]
    fn nothing_is_copied_before_both_agreed_or_after_one_ended_it() {
        let early = Sighting { start_at: Timestamp::from_secs(99), ..sighting() };
        assert_eq!(early.under(&link(), false), Verdict::NotMeant);
        for state in [LinkState::Pending, LinkState::Ended] {
            assert_eq!(sighting().under(&Link { state, ..link() }, false), Verdict::NotMeant);
        }
    }

    #[test]
    fn a_copy_is_not_copied_by_its_mark_nor_by_the_ledger() {
        let marked = Sighting { external_id: "paceline-x-y.gpx".to_owned(), ..sighting() };
        let known = Sighting { is_known_copy: true, ..sighting() };
        assert_eq!([marked, known].map(|copy| copy.under(&link(), false)), [Verdict::NotMeant; 2]);
    }

    #[test]
    fn what_has_nothing_to_upload_waits_or_is_skipped_with_a_reason() {
        let pending = Sighting { streams: None, ..sighting() };
        assert_eq!(pending.under(&link(), false), Verdict::Wait(reason::STREAMS_PENDING));
        let manual = Sighting { manual: true, ..pending };
        assert_eq!(manual.under(&link(), false), Verdict::Skip(reason::NO_STREAMS));
    }

    #[test]
    fn what_the_guardian_keeps_private_is_copied_only_where_the_operator_said_so() {
        let private = Sighting { private: true, ..sighting() };
        assert_eq!(private.under(&link(), false), Verdict::Skip(reason::PRIVATE));
        assert_eq!(private.under(&link(), true), Verdict::Copy);
    }
}

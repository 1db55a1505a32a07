//! The export of an athlete's data: one per athlete, the newest.

use std::time::Duration;

use contracts::Origin;
use contracts::exports::ExportFile;
use kernel::{AthleteId, Timestamp};
use uuid::Uuid;

/// Time until a finished export is deleted.
pub(crate) const LIFETIME: Duration = Duration::from_hours(7 * 24);
/// Time after which an export is given up whose services have not all answered.
pub(crate) const MAX_COLLECTING: Duration = Duration::from_hours(24);
/// Time after which a finished export can be followed by the next.
pub(crate) const MIN_INTERVAL: Duration = Duration::from_mins(5);

/// State of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportState {
    /// The services write their parts, which are then joined.
    Collecting,
    /// The archive can be downloaded.
    Ready,
    /// Given up; the reason says why.
    Failed,
    /// Deleted: by the athlete, by time, or because something it held was erased.
    Deleted,
}

/// An export.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Export {
    pub(crate) athlete: AthleteId,
    pub(crate) id: Uuid,
    pub(crate) state: ExportState,
    /// Code of the reason for failed and deleted.
    pub(crate) reason: String,
    pub(crate) requested_at: Timestamp,
    /// Instant at which it became ready.
    pub(crate) ready_at: Option<Timestamp>,
    /// The connections of the moment it was asked for.
    pub(crate) origins: Vec<Origin>,
    pub(crate) parts: Vec<ExportPart>,
    /// Size of the archive in bytes, and its SHA-256 (hex); empty until it is ready.
    pub(crate) bytes: i64,
    pub(crate) sha256: String,
}

/// The part that a service has written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct ExportPart {
    pub(crate) service: String,
    pub(crate) files: Vec<PartFile>,
}

/// A file of a part.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct PartFile {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) records: i64,
    pub(crate) bytes: i64,
    pub(crate) sha256: String,
}

impl ExportState {
    /// Returns the state as stored and shown.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Collecting => "collecting",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
        }
    }

    /// Parses a stored state.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Collecting, Self::Ready, Self::Failed, Self::Deleted]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

impl Export {
    /// An export that was just asked for.
    pub(crate) fn new(
        athlete: AthleteId,
        id: Uuid,
        requested_at: Timestamp,
        origins: Vec<Origin>,
    ) -> Self {
        Self {
            athlete,
            id,
            state: ExportState::Collecting,
            reason: String::new(),
            requested_at,
            ready_at: None,
            origins,
            parts: Vec::new(),
            bytes: 0,
            sha256: String::new(),
        }
    }

    /// The services of these that have not written their part.
    pub(crate) fn waiting_for<'a>(&self, services: &'a [String]) -> Vec<&'a str> {
        let is_open = |name: &&str| self.parts.iter().all(|part| part.service != **name);
        services.iter().map(String::as_str).filter(is_open).collect()
    }

    /// Takes a part; one that was written again replaces the former.
    pub(crate) fn set_part(&mut self, part: ExportPart) {
        self.parts.retain(|known| known.service != part.service);
        self.parts.push(part);
        self.parts.sort_by(|one, other| one.service.cmp(&other.service));
    }

    /// Ends it; what it held is not shown any more.
    pub(crate) fn end(&mut self, state: ExportState, reason: &str) {
        self.state = state;
        reason.clone_into(&mut self.reason);
        self.parts.clear();
        self.bytes = 0;
        self.sha256.clear();
    }

    /// The instant at which a ready one is deleted.
    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        self.ready_at.filter(|_| self.state == ExportState::Ready).map(|at| at.plus(LIFETIME))
    }

    /// The earliest instant of the next export, if that is later than `now`.
    pub(crate) fn next_allowed_at(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.ready_at.filter(|_| self.state == ExportState::Ready)?.plus(MIN_INTERVAL);
        (next > now).then_some(next)
    }

    /// True if nothing of it is to be kept.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.state, ExportState::Failed | ExportState::Deleted)
    }

    /// True if it has been collecting for too long.
    pub(crate) fn is_overdue(&self, now: Timestamp) -> bool {
        self.requested_at.plus(MAX_COLLECTING) < now
    }
}

impl From<ExportFile> for PartFile {
    fn from(file: ExportFile) -> Self {
        let ExportFile { name, description, records, bytes, sha256 } = file;
        Self { name, description, records, bytes, sha256 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export() -> Export {
        let somebody = AthleteId::from_uuid(Uuid::from_u128(1));
        Export::new(somebody, Uuid::from_u128(2), Timestamp::from_secs(1_000), Vec::new())
    }

    fn part(service: &str, files: usize) -> ExportPart {
        let file = PartFile {
            name: "a.csv".to_owned(),
            description: String::new(),
            records: 1,
            bytes: 1,
            sha256: String::new(),
        };
        ExportPart { service: service.to_owned(), files: vec![file; files] }
    }

    #[test]
    fn it_waits_for_every_service_until_that_has_answered_once() {
        let services = ["token", "stats"].map(str::to_owned);
        let mut export = export();
        assert_eq!(export.waiting_for(&services), ["token", "stats"]);
        export.set_part(part("stats", 1));
        export.set_part(part("stats", 2));
        assert_eq!(export.waiting_for(&services), ["token"]);
        assert_eq!(export.parts, [part("stats", 2)]);
        export.set_part(part("token", 0));
        assert!(export.waiting_for(&services).is_empty());
    }

    #[test]
    fn the_next_is_allowed_five_minutes_after_one_is_ready_and_at_once_after_one_ended() {
        let mut export = export();
        let ready_at = Timestamp::from_secs(2_000);
        (export.state, export.ready_at) = (ExportState::Ready, Some(ready_at));
        let next = Timestamp::from_secs(2_300);
        assert_eq!(export.next_allowed_at(Timestamp::from_secs(2_299)), Some(next));
        assert_eq!(export.next_allowed_at(next), None);
        assert_eq!(export.expires_at(), Some(ready_at.plus(LIFETIME)));
        export.end(ExportState::Deleted, "deleted");
        assert_eq!(export.next_allowed_at(ready_at), None);
        assert_eq!(export.expires_at(), None);
    }

    #[test]
    fn it_is_given_up_after_a_day() {
        let day = Timestamp::from_secs(1_000 + 86_400);
        assert!(!export().is_overdue(day));
        assert!(export().is_overdue(Timestamp::from_micros(day.as_micros() + 1)));
    }

    #[test]
    fn every_state_is_read_as_it_was_written() {
        for state in
            [ExportState::Collecting, ExportState::Ready, ExportState::Failed, ExportState::Deleted]
        {
            assert_eq!(ExportState::parse(state.as_str()), Some(state));
        }
        assert_eq!(ExportState::parse("gone"), None);
    }
}

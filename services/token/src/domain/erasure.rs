//! An erasure that the services are asked for, and what they answered.

use std::time::Duration;

use contracts::Erasure;
use kernel::{AthleteId, Timestamp};

/// Interval at which an erasure is asked for again until every service has answered.
pub(crate) const ASK_INTERVAL: Duration = Duration::from_hours(1);
/// Time after which the log has forgotten a message: its retention of 48 hours and the segment of 6 hours it may share.
const LOG_RETENTION: Duration = Duration::from_hours(48 + 6);

/// The reason for an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErasureReason {
    /// The athlete disconnected.
    Asked,
    /// Strava confirmed that the athlete withdrew access.
    Withdrawn,
    /// The athlete did not connect again in time.
    NotReconnected,
    /// The athlete deleted their account.
    AccountDeleted,
    /// An administrator removed the account.
    AccountRemoved,
    /// A former release ended the connection, or the request was lost.
    Repeated,
}

impl ErasureReason {
    const ALL: [Self; 6] = [
        Self::Asked,
        Self::Withdrawn,
        Self::NotReconnected,
        Self::AccountDeleted,
        Self::AccountRemoved,
        Self::Repeated,
    ];

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Withdrawn => "withdrawn",
            Self::NotReconnected => "not-reconnected",
            Self::AccountDeleted => "account-deleted",
            Self::AccountRemoved => "account-removed",
            Self::Repeated => "repeated",
        }
    }

    pub(crate) fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

/// A requested erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestedErasure {
    pub(crate) athlete: AthleteId,
    pub(crate) erasure: Erasure,
    pub(crate) reason: ErasureReason,
    pub(crate) requested_at: Timestamp,
    /// The instant at which every service had answered for good.
    pub(crate) completed_at: Option<Timestamp>,
}

impl RequestedErasure {
    /// The application and the last generation; 0 and 0 for everything.
    pub(crate) fn scope(&self) -> (i64, i64) {
        self.erasure.scope()
    }

    /// The instant after which the log holds nothing of it any more; none before it is complete.
    pub(crate) fn log_forgotten_at(&self) -> Option<Timestamp> {
        self.completed_at.map(|at| at.plus(LOG_RETENTION))
    }
}

/// The answer of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErasureAnswer {
    pub(crate) service: String,
    /// The instant of its last answer.
    pub(crate) erased_at: Timestamp,
    /// True if nothing in flight can bring anything back.
    pub(crate) is_final: bool,
    pub(crate) rows: i64,
    pub(crate) objects: i64,
}

impl ErasureAnswer {
    /// What is known with a further answer of the same service: a repeated erasure finds nothing any more.
    pub(crate) fn merge(self, later: Self) -> Self {
        Self {
            erased_at: self.erased_at.max(later.erased_at),
            is_final: self.is_final || later.is_final,
            rows: self.rows.max(later.rows),
            objects: self.objects.max(later.objects),
            service: self.service,
        }
    }
}

/// True if each of these services has answered for good.
pub(crate) fn is_complete(services: &[String], answers: &[ErasureAnswer]) -> bool {
    services
        .iter()
        .all(|service| answers.iter().any(|answer| answer.is_final && answer.service == *service))
}

/// True if so many of all connections were lost together that the cause is hardly the athletes.
pub(crate) const fn is_mass_loss(all: i64, together: i64) -> bool {
    together >= 2 && together.saturating_mul(5) >= all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(service: &str, is_final: bool, rows: i64) -> ErasureAnswer {
        let erased_at = Timestamp::from_micros(rows);
        ErasureAnswer { service: service.to_owned(), erased_at, is_final, rows, objects: rows }
    }

    #[test]
    fn an_erasure_is_complete_when_every_service_has_answered_for_good() {
        let services = ["ingest".to_owned(), "stats".to_owned()];
        let first = [answer("ingest", true, 1), answer("stats", false, 1)];
        assert!(!is_complete(&services, &first));
        assert!(!is_complete(&services, &first[..1]));
        assert!(is_complete(&services, &[answer("stats", true, 1), answer("ingest", true, 1)]));
    }

    #[test]
    fn a_fifth_of_all_connections_lost_together_is_a_mass_loss() {
        assert!(is_mass_loss(2, 2) && is_mass_loss(10, 2) && is_mass_loss(10, 10));
        assert!(!is_mass_loss(1, 1) && !is_mass_loss(11, 2) && !is_mass_loss(0, 0));
    }

    #[test]
    fn a_repeated_answer_takes_nothing_back() {
        let merged = answer("stats", true, 412).merge(answer("stats", false, 0));
        assert_eq!(merged, answer("stats", true, 412));
        assert_eq!(answer("stats", false, 0).merge(answer("stats", true, 412)), merged);
    }
}

//! What trouble with Strava means for a job.

use std::time::Duration;

use kernel::Timestamp;
use strava_client::lease::{DenialReason, LeaseError};
use strava_client::{ErrorKind, StravaError};

use crate::domain::patience;

/// What becomes of a job that could not do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Again then; `counts`: it is the work's own fault, so that it ends one day.
    Later { due: Timestamp, reason: &'static str, counts: bool },
    /// Nobody needs it any more.
    Drop { reason: &'static str },
    /// It cannot be done.
    Fail { reason: &'static str },
}

/// The whole application is switched off: nothing will pass for a while, whosever it is.
const INACTIVE: Duration = Duration::from_mins(15);
/// token is away: it will be back soon, or the whole program is going down.
const NO_LEASE: Duration = Duration::from_secs(5);

/// After so many attempts a job whose work itself fails is given up.
pub(crate) const ATTEMPTS: i64 = 20;

impl Trouble {
    /// What a refused call means after this many attempts.
    pub(crate) fn of(error: &StravaError, attempts: i64, now: Timestamp) -> Self {
        let (reason, wait) = match &error.kind {
            ErrorKind::RateLimited => {
                return Self::waiting(patience::next_window(now), "rate-limited");
            }
            ErrorKind::AppInactive => return Self::waiting(now.plus(INACTIVE), "app-inactive"),
            ErrorKind::ScopeMissing { .. } => return Self::Fail { reason: "scope-missing" },
            ErrorKind::TokenDead => {
                ("token-dead", jobs::backoff(attempts).max(Duration::from_mins(1)))
            }
            ErrorKind::Unavailable(_) => ("strava-unavailable", jobs::backoff(attempts)),
            ErrorKind::Unexpected(_) => ("answer-unexpected", jobs::backoff(attempts)),
            _ => ("strava-refused", jobs::backoff(attempts)),
        };
        // Strava away for hours is nobody's fault: what was acknowledged waits for it, however long.
        let passes = matches!(error.kind, ErrorKind::Unavailable(_));
        if attempts >= ATTEMPTS && !passes {
            return Self::Fail { reason };
        }
        Self::Later { due: now.plus(wait), reason, counts: true }
    }

    /// What a refused lease means.
    pub(crate) fn of_lease(refusal: &LeaseError, now: Timestamp) -> Self {
        match refusal {
            LeaseError::RetryAt(at) => Self::waiting(*at, "budget"),
            LeaseError::Denied(DenialReason::AppInactive) => {
                Self::waiting(now.plus(INACTIVE), "app-inactive")
            }
            LeaseError::Denied(DenialReason::ScopeMissing) => {
                Self::Fail { reason: "scope-missing" }
            }
            LeaseError::Denied(DenialReason::Disconnected) => Self::Drop { reason: "disconnected" },
            LeaseError::Denied(DenialReason::ReconnectNeeded) => {
                Self::Drop { reason: "reconnect-needed" }
            }
            LeaseError::Unavailable(_) => Self::waiting(now.plus(NO_LEASE), "lease-unavailable"),
        }
    }

    const fn waiting(due: Timestamp, reason: &'static str) -> Self {
        Self::Later { due, reason, counts: false }
    }

    /// The word for it in the journal.
    pub(crate) const fn state(&self) -> &'static str {
        match self {
            Self::Later { .. } => "waiting",
            Self::Drop { .. } => "dropped",
            Self::Fail { .. } => "failed",
        }
    }

    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Later { reason, .. } | Self::Drop { reason } | Self::Fail { reason } => reason,
        }
    }

    pub(crate) const fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Later { due, .. } => Some(*due),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind) -> StravaError {
        StravaError { kind, status: None, limits: None, date: None }
    }

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    #[test]
    fn a_full_budget_waits_for_the_window_and_is_nobodys_fault() {
        let trouble = Trouble::of(&error(ErrorKind::RateLimited), 50, NOW);

        let due = Timestamp::from_secs(1_800);
        assert_eq!(trouble, Trouble::Later { due, reason: "rate-limited", counts: false });
    }

    #[test]
    fn strava_away_for_hours_gives_nothing_up() {
        let away = error(ErrorKind::Unavailable("502".into()));

        for attempts in [1, ATTEMPTS, 10 * ATTEMPTS] {
            assert!(matches!(Trouble::of(&away, attempts, NOW), Trouble::Later { .. }));
        }
    }

    #[test]
    fn a_dead_token_may_come_back_and_a_missing_scope_does_not() {
        let dead = Trouble::of(&error(ErrorKind::TokenDead), 1, NOW);
        let scope =
            Trouble::of(&error(ErrorKind::ScopeMissing { scope: "activity:read".into() }), 1, NOW);

        assert!(matches!(dead, Trouble::Later { reason: "token-dead", counts: true, .. }));
        assert_eq!(scope, Trouble::Fail { reason: "scope-missing" });
    }

    #[test]
    fn an_inactive_application_pauses_without_counting() {
        for trouble in [
            Trouble::of(&error(ErrorKind::AppInactive), 99, NOW),
            Trouble::of_lease(&LeaseError::Denied(DenialReason::AppInactive), NOW),
        ] {
            assert!(matches!(
                trouble,
                Trouble::Later { reason: "app-inactive", counts: false, .. }
            ));
        }
    }

    #[test]
    fn what_fails_for_ever_is_given_up_one_day() {
        let unavailable = error(ErrorKind::Unexpected("status 500".into()));

        assert!(matches!(Trouble::of(&unavailable, 1, NOW), Trouble::Later { counts: true, .. }));
        assert!(matches!(Trouble::of(&unavailable, ATTEMPTS, NOW), Trouble::Fail { .. }));
    }

    #[test]
    fn a_withdrawn_connection_ends_its_jobs() {
        let refusal = LeaseError::Denied(DenialReason::Disconnected);

        assert_eq!(Trouble::of_lease(&refusal, NOW), Trouble::Drop { reason: "disconnected" });
    }
}
